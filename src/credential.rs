//! What proves to another server that we are who we say: a password from its file, or a token that a
//! command prints. Read anew for each connection, so that a changed one is found by itself.
//!
//! Never keeps, logs or shows a secret. Start with [`read`].

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::config::Credential;

/// A token may have to be fetched from far away.
const TOKEN_WITHIN: Duration = Duration::from_secs(30);
/// Longer than any token in use; a command that prints more prints something else.
const SECRET_OCTETS_MAX: usize = 64 * 1024;

/// What a server is shown. Has no `Debug` on purpose.
pub enum Secret {
    Password(String),
    Token(String),
}

/// # Errors
///
/// The operator's: what is wrong with the file or the command.
pub async fn read(credential: &Credential) -> Result<Secret, String> {
    match credential {
        Credential::PasswordFile(path) => {
            let text = tokio::fs::read_to_string(path)
                .await
                .map_err(|error| format!("password_file {} cannot be read: {error}", path.display()))?;
            let password = text.trim_end_matches(['\r', '\n']);
            if password.is_empty() || password.contains(char::is_control) {
                return Err(format!(
                    "password_file {} must hold the password, in one line",
                    path.display()
                ));
            }
            Ok(Secret::Password(password.to_owned()))
        }
        Credential::TokenCommand(command) => print_token(command).await.map(Secret::Token),
    }
}

async fn print_token(command: &str) -> Result<String, String> {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::null()).kill_on_drop(true);
    let output = match timeout(TOKEN_WITHIN, shell.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(format!("token_command cannot be started: {error}")),
        Err(_) => return Err("token_command did not end within 30 s".to_owned()),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said: String = said.lines().last().unwrap_or_default().chars().take(200).collect();
        return Err(format!("token_command failed ({}): {said}", output.status));
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let token = printed.trim();
    let is_token = token.bytes().all(|octet| octet.is_ascii_graphic());
    if token.is_empty() || token.len() > SECRET_OCTETS_MAX || !is_token {
        return Err("token_command must print an access token, and nothing else".to_owned());
    }
    Ok(token.to_owned())
}

/// What the SASL mechanism of Google and Microsoft says first.
pub fn xoauth2(login: &str, token: &str) -> String {
    format!("user={login}\u{1}auth=Bearer {token}\u{1}\u{1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn token(command: &str) -> Result<String, String> {
        match read(&Credential::TokenCommand(command.to_owned())).await? {
            Secret::Token(token) => Ok(token),
            Secret::Password(_) => panic!("a command gives a token"),
        }
    }

    #[tokio::test]
    async fn a_command_prints_one_token_or_says_why_not() {
        assert_eq!(token("printf 'ya29.a-b\\n'").await.as_deref(), Ok("ya29.a-b"));
        assert!(token("echo revoked >&2; exit 3").await.unwrap_err().ends_with("revoked"));
        for wrong in ["true", "echo an error page", "printf 'a\\001b'"] {
            assert!(token(wrong).await.unwrap_err().contains("must print an access token"), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_password_is_the_one_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let credential = Credential::PasswordFile(path.clone());
        assert!(read(&credential).await.is_err());
        for (text, password) in [("se cret\r\n", Some("se cret")), ("\n", None), ("a\nb\n", None)] {
            std::fs::write(&path, text).unwrap();
            let read = match read(&credential).await {
                Ok(Secret::Password(password)) => Some(password),
                _ => None,
            };
            assert_eq!(read.as_deref(), password, "{text:?}");
        }
    }
}
