//! A restart of several servers, one after the other, across a migration: those of the version
//! before go on without losing anything, and one of them that starts too late says why it does not.

use std::time::Duration;

use sqlx::PgPool;

use crate::support::ports::free_port;
use crate::support::server::{ADDRESS, Relay, Server};
use crate::support::{smtp, wait};

/// Before the migration, and as many behind it.
const MAILS: usize = 20;
const KEPT_WITHIN: Duration = Duration::from_secs(60);

#[test]
fn servers_of_the_version_before_go_on_beside_a_newer_schema_and_do_not_start_on_it() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let url = runtime.block_on(crate::postgres::fresh_database());
    let database = format!("[database]\nurl = \"{url}\"\n");
    let mut stays = Server::start(free_port(), &Relay::Maildir, &database);
    let goes = Server::start(free_port(), &Relay::Maildir, &database);
    let report =
        format!("From: dana@people.test\nTo: {ADDRESS}\nSubject: SEV-2 rack burns\n\nIt burns.\n");
    smtp::send(stays.smtp_port, "dana@people.test", &[ADDRESS], &report).expect("it is accepted");
    stays.wait_for_incident("INC-1", "the incident", |_| true);
    for number in 0..2 * MAILS {
        if number == MAILS {
            migrate(&runtime, &url);
        }
        let port = if number % 2 == 0 { stays.smtp_port } else { goes.smtp_port };
        let note = format!(
            "From: dana@people.test\nTo: incidents+1@example.test\nSubject: Re: [INC-1]\n\
             Message-ID: <{number}@people.test>\n\nmark={number}; seen\n"
        );
        smtp::send(port, "dana@people.test", &["incidents+1@example.test"], &note)
            .expect("it is accepted");
    }
    wait::until("every note in the timeline, once", KEPT_WITHIN, || {
        let texts = runtime.block_on(timeline(&url));
        let count = |number: usize| {
            texts.iter().filter(|text| text.starts_with(&format!("mark={number};"))).count()
        };
        (0..2 * MAILS).all(|number| count(number) == 1).then_some(())
    });
    // A command or a server of the version before does not touch what it does not know.
    stays.kill9();
    let (code, said) = stays.fails(&["serve"]);
    assert!(said.contains("a newer version of Firebell has migrated it"), "{said}");
    assert_eq!(code, Some(69), "{said}");
}

/// Read past the program, which opens no schema that is newer than itself.
async fn timeline(url: &str) -> Vec<String> {
    let pool = PgPool::connect(url).await.expect("the database");
    let rows: Vec<(String,)> =
        sqlx::query_as("select text from entry").fetch_all(&pool).await.expect("the timeline");
    pool.close().await;
    rows.into_iter().map(|(text,)| text).collect()
}

/// As a newer version does when its first server starts.
fn migrate(runtime: &tokio::runtime::Runtime, url: &str) {
    runtime.block_on(async {
        let pool = PgPool::connect(url).await.expect("the database");
        for statement in [
            "alter table incident add column tried bigint not null default 0",
            "alter table outbox add column tried text",
            "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             values (9999, 'of tomorrow', true, '', 0)",
        ] {
            sqlx::query(statement).execute(&pool).await.expect("the migration");
        }
        pool.close().await;
    });
}
