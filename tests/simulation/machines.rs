//! What machines send: automatic replies, reports of delivery, delay and reading, some of them
//! forged; our own mail sent back; and octets that are hardly a mail.
//!
//! Start with [`Writer::machine`].

use std::sync::Arc;

use firebell::intake::inbox::Arrival;
use firebell::mail::Address;
use firebell::store::rows::{Client, Route};

use super::chance::Chance;
use super::mails::{Draft, Kind, Mail, Writer, field, read_address, thread};
use super::relay::Taken;

/// What a report says of a mail of ours.
#[derive(Debug, Clone, Copy)]
enum Report {
    Failed,
    /// On a reverse-path that is not ours.
    Forged,
    Delayed,
    Displayed,
}

impl Writer {
    pub fn machine(&mut self, taken: &[Arc<Taken>], chance: &mut Chance) -> Mail {
        let Some(last) = taken.len().checked_sub(1) else {
            return self.unproven_note(chance);
        };
        let answered = &taken[chance.below(last + 1)];
        match chance.below(6) {
            0 => self.automatic_reply(answered, chance),
            1 => self.report_of(answered, Report::Failed),
            2 => self.report_of(answered, Report::Forged),
            3 => self.report_of(answered, Report::Delayed),
            4 => self.report_of(answered, Report::Displayed),
            _ => self.own_mail_back(answered),
        }
    }

    fn automatic_reply(&mut self, answered: &Taken, chance: &mut Chance) -> Mail {
        let to = match chance.percent(50) {
            true => field(&answered.octets, "Reply-To")
                .unwrap_or_else(|| self.policy.address.address().to_string()),
            false => self.reverse_path(answered, true).to_string(),
        };
        let draft = Draft {
            from: answered.recipient.to_string(),
            to: vec![read_address(&to)],
            subject: "Automatic reply: away".to_owned(),
            head: format!("{}Auto-Submitted: auto-replied\r\n", thread(answered)),
            text: "I have command\n".to_owned(),
            file: None,
            client: Client::default(),
        };
        let mut mail = self.mail(draft, "an automatic reply", Kind::Machine, chance);
        if chance.percent(50) {
            mail.arrival.reverse_path = None;
        }
        mail
    }

    fn report_of(&mut self, answered: &Taken, report: Report) -> Mail {
        let path = self.reverse_path(answered, !matches!(report, Report::Forged));
        self.written += 1;
        let number = self.written;
        let recipient = &answered.recipient;
        let (sort, kind) = match report {
            Report::Failed => ("a delivery report", Kind::Bounce),
            Report::Forged => ("a forged delivery report", Kind::Machine),
            Report::Delayed => ("a report of delay", Kind::Machine),
            Report::Displayed => ("a read receipt", Kind::Machine),
        };
        let (of, part) = match report {
            Report::Failed | Report::Forged => {
                ("delivery-status", "Action: failed\r\nStatus: 5.2.2\r\n")
            }
            Report::Delayed => ("delivery-status", "Action: delayed\r\nStatus: 4.4.1\r\n"),
            Report::Displayed => (
                "disposition-notification",
                "Disposition: manual-action/MDN-sent-manually; displayed\r\n",
            ),
        };
        let octets = format!(
            "From: Mail Delivery System <mailer-daemon@relay.example>\r\nTo: {path}\r\n\
             Message-ID: <report{number}@relay.example>\r\nSubject: Undelivered Mail Returned to Sender\r\n\
             MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type={of}; boundary=b\r\n\r\n\
             --b\r\n\r\nIt could not be delivered.\r\n--b\r\nContent-Type: message/{of}\r\n\r\n\
             Reporting-MTA: dns; relay.example\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\n{part}--b--\r\n"
        );
        machines(number, sort, kind, path, octets.into_bytes())
    }

    /// Our own mail, as a list of which we are a member sends it.
    fn own_mail_back(&mut self, answered: &Taken) -> Mail {
        self.written += 1;
        let to = field(&answered.octets, "Reply-To");
        let to = to.map_or_else(|| self.policy.address.address().clone(), |to| read_address(&to));
        let mut octets =
            b"Received: from list.example by mx.example; Wed, 18 Nov 2026 09:00:00 +0100\r\n".to_vec();
        octets.extend_from_slice(&answered.octets);
        machines(self.written, "our own mail", Kind::Machine, to, octets)
    }

    fn reverse_path(&self, answered: &Taken, genuine: bool) -> Address {
        let mac = self.secret.bounce_mac(if genuine { answered.row } else { answered.row + 1 });
        self.policy.address.tagged(&format!("bounce.{}.{mac}", answered.row))
    }

    /// Octets that are hardly a mail.
    pub(super) fn nonsense(&mut self, chance: &mut Chance) -> Mail {
        self.written += 1;
        let octets = (0..chance.below(300)).map(|_| chance.next() as u8).collect();
        let to = read_address("incidents@example.org");
        let mut mail = machines(self.written, "nonsense", Kind::Other, to, octets);
        mail.arrival.reverse_path = Some("x@elsewhere.example".to_owned());
        mail
    }
}

fn machines(number: usize, sort: &'static str, kind: Kind, to: Address, octets: Vec<u8>) -> Mail {
    let arrival = Arrival {
        reverse_path: None,
        recipients: vec![to],
        client: Client::default(),
        route: Route::Smtp,
        octets,
    };
    Mail { number, sort, kind, arrival }
}
