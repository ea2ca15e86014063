//! What `firebell check` says of the machine: room on the disk, the clock, DNS.
//!
//! Each takes a value apart from asking for it, so that what is said of it can be tried.

use chrono::{DateTime, TimeDelta, Utc};

use super::check::Finding;
use crate::authentication;
use crate::config::{Config, Resolver};
use crate::render::size::size;
use crate::store::Store;

/// Ten mails of the largest size: with less, the next ones may be put off.
const FREE_OCTETS_MIN: u64 = 100_000_000;
/// A clock that is off by more names wrong times in mails, and rings deadlines at wrong times.
const CLOCK_OFF_MAX: TimeDelta = TimeDelta::seconds(5);

/// The room where the database and the files of the server lie.
pub(super) fn check_disk(config: &Config) -> Option<Finding> {
    // The nearest folder that is there: the server makes the rest.
    let folder = config.data_dir.ancestors().find(|folder| folder.is_dir())?;
    let what = format!("disk of {}", folder.display());
    Some(match rustix::fs::statvfs(folder) {
        Ok(disk) => say_of_disk(what, disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_favail),
        Err(error) => (what, Err(error.to_string())),
    })
}

fn shown(octets: u64) -> String {
    size(i64::try_from(octets).unwrap_or(i64::MAX))
}

fn say_of_disk(what: String, octets: u64, files: u64) -> Finding {
    let free = shown(octets);
    if octets < FREE_OCTETS_MIN {
        let least = shown(FREE_OCTETS_MIN);
        let why = format!(
            "only {free} are free, and mail is put off when nothing is; make room for {least} at least, \
             or lower keep_raw and keep_unproven"
        );
        return (what, Err(why));
    }
    // Some file systems count no files, and say 0.
    if (1..1_000).contains(&files) {
        return (what, Err(format!("only {files} more files fit on it; remove what is not needed")));
    }
    (format!("{what} has {free} free"), Ok(()))
}

/// The clock of this machine, beside that of the database and the latest instant that it keeps.
pub(super) async fn check_clock(store: &Store) -> Option<Finding> {
    let theirs = store.clock().await.ok()?;
    let ours = Utc::now();
    let latest = store.latest_instant().await.ok()?;
    Some(say_of_clock(ours, theirs, latest))
}

fn say_of_clock(ours: DateTime<Utc>, theirs: DateTime<Utc>, latest: Option<DateTime<Utc>>) -> Finding {
    let what = format!("clock {}", ours.format("%Y-%m-%d %H:%M:%S UTC"));
    let off = theirs - ours;
    if off.abs() > CLOCK_OFF_MAX {
        let side = if off > TimeDelta::zero() { "behind" } else { "ahead of" };
        let why = format!(
            "it is {} s {side} that of the database; let both follow the same time server",
            off.num_seconds().abs()
        );
        return (what, Err(why));
    }
    match latest {
        Some(latest) if latest - ours > CLOCK_OFF_MAX => {
            let why = format!(
                "mail was stored at {}, which has not come yet; set the clock, or wait until then",
                latest.format("%Y-%m-%d %H:%M:%S UTC")
            );
            (what, Err(why))
        }
        _ => (what, Ok(())),
    }
}

/// Whether DNS answers, which says who a sender is; and whether mail for us comes here at all.
///
/// # Errors
///
/// What is lost without DNS: a machine may be set up before its network is there.
pub(super) async fn check_dns(config: &Config) -> Result<Vec<Finding>, String> {
    if config.resolver == Resolver::Off {
        return Ok(Vec::new());
    }
    let domain = config.address.domain();
    let answers = match authentication::ask_text(config.resolver, domain).await {
        Ok(_) => (format!("DNS answers (asked about {domain})"), Ok(())),
        Err(why) => {
            let next = "without it no sender is proven by DKIM or SPF; start a resolver on this machine, or \
                        name one in [receive.trust] resolver";
            return Err(format!("DNS does not answer: {why}; {next}"));
        }
    };
    let mut findings = vec![answers];
    if config.is_mx {
        let hosts = authentication::ask_mail_hosts(config.resolver, domain).await;
        findings.push(say_of_mail_hosts(domain, hosts));
    }
    Ok(findings)
}

fn say_of_mail_hosts(domain: &str, hosts: Result<Vec<String>, String>) -> Finding {
    let what = format!("MX of {domain}");
    match hosts {
        Ok(hosts) if hosts.is_empty() => {
            let why = "there is none, so that no mail from elsewhere comes here; publish one, or write mx = \
                       false where another server takes the mail";
            (what, Err(why.to_owned()))
        }
        Ok(hosts) => (format!("{what} is {}", hosts.join(", ")), Ok(())),
        Err(why) => (what, Err(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn a_full_disk_is_told_with_what_makes_room() {
        let (what, outcome) = say_of_disk("disk of /var".to_owned(), 2_000_000_000, 0);
        assert_eq!((what.as_str(), outcome), ("disk of /var has 2.0 GB free", Ok(())));
        let why = say_of_disk("disk".to_owned(), 50_000_000, 9_999).1.unwrap_err();
        assert!(why.starts_with("only 50.0 MB are free") && why.contains("keep_raw"), "{why}");
        let why = say_of_disk("disk".to_owned(), 2_000_000_000, 12).1.unwrap_err();
        assert!(why.starts_with("only 12 more files"), "{why}");
    }

    #[test]
    fn a_clock_is_compared_with_the_databases_and_with_what_it_keeps() {
        assert_eq!(say_of_clock(at(100), at(103), Some(at(99))).1, Ok(()));
        let behind = say_of_clock(at(100), at(130), None).1.unwrap_err();
        assert!(behind.starts_with("it is 30 s behind that of the database"), "{behind}");
        let ahead = say_of_clock(at(100), at(70), None).1.unwrap_err();
        assert!(ahead.contains("30 s ahead of that"), "{ahead}");
        let later = say_of_clock(at(100), at(100), Some(at(4_000))).1.unwrap_err();
        assert!(later.contains("1970-01-01 01:06:40 UTC, which has not come yet"), "{later}");
    }

    #[test]
    fn a_domain_without_an_mx_is_told() {
        let hosts = Ok(vec!["mx.example.org".to_owned()]);
        assert_eq!(say_of_mail_hosts("example.org", hosts).1, Ok(()));
        assert!(say_of_mail_hosts("example.org", Ok(Vec::new())).1.unwrap_err().contains("mx = false"));
    }
}
