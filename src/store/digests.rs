//! Digests that were sent: what each listed under which number, and to whom it went.
//!
//! Start with [`Write::save_sent_digest`].

use super::columns::{json, read_json};
use super::engines::statements;
use super::rows::SentDigest;
use super::{Stored, Write};

statements! {
    SAVE = "insert into digest_sent (id, message_id, body) values ($1, $2, $3)";
    LOAD = "select body from digest_sent where id = $1";
    LOAD_ID = "select id from digest_sent where message_id = $1";
}

impl Write {
    /// Keeps what a digest listed.
    pub async fn save_sent_digest(&mut self, message_id: &str, sent: &SentDigest) -> Stored<()> {
        let values = vec![sent.id.into(), message_id.into(), json(sent).into()];
        self.transaction.execute(SAVE, values).await.map(drop)
    }

    /// The digest with this id; `None` when there is none.
    pub async fn load_sent_digest(&mut self, id: i64) -> Stored<Option<SentDigest>> {
        let rows: Vec<(String,)> = self.transaction.load(LOAD, vec![id.into()]).await?;
        rows.first().map(|(body,)| read_json(body, "digest")).transpose()
    }

    /// The digest that went out under this Message-ID, without brackets.
    pub async fn load_digest_id(&mut self, message_id: &str) -> Stored<Option<i64>> {
        let rows: Vec<(i64,)> = self.transaction.load(LOAD_ID, vec![message_id.into()]).await?;
        Ok(rows.first().map(|(id,)| *id))
    }
}
