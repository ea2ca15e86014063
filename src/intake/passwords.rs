//! The passwords with which people hand mail in: a file of lines `ADDRESS:pbkdf2-sha256:…`.
//!
//! `firebell password` makes both a password and its line, so passwords are random and never
//! somebody's own; a person has as many lines as programs that send for them. Lines that begin
//! with `#` are remarks. Start with [`open`] and [`Passwords::check`].

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD};
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive, verify};

use super::login::Login;
use super::watched::Watched;
use crate::mail::Address;

const SCHEME: &str = "pbkdf2-sha256";
/// A password of 80 random bits needs no slow hash; this keeps a check below ten milliseconds, so
/// that guessing costs the server little.
const ITERATIONS: u32 = 10_000;
/// A file that asks for more would stop the server's other work.
const ITERATIONS_MAX: u32 = 1_000_000;
const HASH_OCTETS: usize = 32;
/// Octets of a salt, and of a password before its spelling.
pub const RANDOM_OCTETS: usize = 10;

/// Who may log in with which password.
#[derive(Debug)]
pub struct Passwords {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    address: Address,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// Reads the file of passwords.
///
/// # Errors
///
/// The operator's: which line is wrong.
pub fn open(path: &Path) -> Result<Watched<Passwords>, String> {
    Watched::open(vec![path.to_owned()], read)
}

fn read(paths: &[PathBuf]) -> Result<Passwords, String> {
    let path = paths.first().ok_or("a file is needed")?;
    let wrong = |why: String| format!("{}: {why}", path.display());
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let read = read_line(line.trim());
        lines.push(read.ok_or_else(|| {
            wrong(format!("line {} is not of the kind that `firebell password` prints", number + 1))
        })?);
    }
    Ok(Passwords { lines })
}

fn read_line(line: &str) -> Option<Line> {
    let mut parts = line.split(':');
    let address = Address::read(parts.next()?).ok()?;
    parts.next().filter(|scheme| *scheme == SCHEME)?;
    let iterations: NonZeroU32 = parts.next()?.parse().ok()?;
    let salt = BASE64_NOPAD.decode(parts.next()?.as_bytes()).ok()?;
    let hash = BASE64_NOPAD.decode(parts.next()?.as_bytes()).ok()?;
    let whole = parts.next().is_none() && hash.len() == HASH_OCTETS && !salt.is_empty();
    (whole && iterations.get() <= ITERATIONS_MAX).then_some(Line { address, iterations, salt, hash })
}

/// A new password made of `random`, and the line that lets it in.
pub fn make(
    address: &Address,
    random: [u8; RANDOM_OCTETS],
    salt: [u8; RANDOM_OCTETS],
) -> (String, String) {
    let password = BASE32_NOPAD.encode(&random).to_ascii_lowercase();
    let mut hash = [0; HASH_OCTETS];
    let iterations = NonZeroU32::new(ITERATIONS).unwrap_or(NonZeroU32::MIN);
    derive(PBKDF2_HMAC_SHA256, iterations, &salt, password.as_bytes(), &mut hash);
    let (salt, hash) = (BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&hash));
    (password, format!("{address}:{SCHEME}:{iterations}:{salt}:{hash}"))
}

impl Passwords {
    /// Whose password it is. Takes milliseconds of work; not for a thread that others wait for.
    pub fn check(&self, login: &Login) -> Option<Address> {
        let name = Address::read(&login.name).ok()?;
        let mut lines = self.lines.iter().filter(|line| line.address.key() == name.key());
        let right = |line: &&Line| {
            let password = login.password.as_bytes();
            verify(PBKDF2_HMAC_SHA256, line.iterations, &line.salt, password, &line.hash).is_ok()
        };
        lines.find(right).map(|line| line.address.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(name: &str, password: &str) -> Login {
        Login { name: name.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn a_password_lets_its_owner_in_and_nobody_else() {
        let alice = Address::read("alice@example.org").unwrap();
        let bob = Address::read("bob@example.org").unwrap();
        let (first, first_line) = make(&alice, [1; RANDOM_OCTETS], [2; RANDOM_OCTETS]);
        let (second, second_line) = make(&alice, [3; RANDOM_OCTETS], [4; RANDOM_OCTETS]);
        let (of_bob, bob_line) = make(&bob, [5; RANDOM_OCTETS], [6; RANDOM_OCTETS]);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("# Alice\n{first_line}\n\n{second_line}\n{bob_line}\n")).unwrap();
        let passwords = open(file.path()).unwrap().current();
        assert_eq!(passwords.check(&login("Alice@Example.org", &first)), Some(alice.clone()));
        assert_eq!(passwords.check(&login("alice@example.org", &second)), Some(alice));
        for (name, password) in
            [("alice@example.org", &of_bob), ("bob@example.org", &first), ("eve@example.org", &first)]
        {
            assert_eq!(passwords.check(&login(name, password)), None, "{name}");
        }
        assert_eq!(passwords.check(&login("bob@example.org", "")), None);
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (_, line) =
            make(&Address::read("a@b.example").unwrap(), [1; RANDOM_OCTETS], [2; RANDOM_OCTETS]);
        for wrong in [
            "a@b.example:secret".to_owned(),
            line.replace("10000", "0"),
            line.replace("10000", "4000000000"),
            line.replace(SCHEME, "md5"),
            format!("{line}:more"),
            line.get(..line.len() - 4).unwrap().to_owned(),
        ] {
            fs::write(file.path(), format!("{line}\n{wrong}\n")).unwrap();
            let error = open(file.path()).unwrap_err();
            assert!(error.contains("line 2 is not of the kind"), "{wrong}: {error}");
        }
    }
}
