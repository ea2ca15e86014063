//! The database, read from beside the servers that use it.
//!
//! In the player's own thread: what is asked after every step would otherwise wait for another thread
//! each time. Never writes, but for [`forbid`]. Start with [`Behind::all`].

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Params};

/// What is final once it is stored, and what changes only together with the version of an incident.
const FORBIDDEN: &str = "
    create trigger letter_is_final before update on letter
    begin select raise(abort, 'a letter is final when stored'); end;
    create trigger letter_stays before delete on letter
    begin select raise(abort, 'a letter stays'); end;
    create trigger entry_is_final before update on entry
    begin select raise(abort, 'the timeline is only appended to'); end;
    create trigger entry_stays before delete on entry
    begin select raise(abort, 'the timeline is only appended to'); end;
    create trigger incident_steps before update on incident
    when new.version <= old.version or new.number <> old.number
    begin select raise(abort, 'an incident changes with its version'); end;";

/// Has the database refuse what may never be done, so that it need not be looked for.
pub fn forbid(database: &Path) {
    let connection = Connection::open(database).expect("a database");
    connection.execute_batch(FORBIDDEN).expect("the triggers");
}

/// What a row is read into: a tuple of its columns, say.
pub trait Row: for<'r> TryFrom<&'r rusqlite::Row<'r>, Error = rusqlite::Error> {}
impl<T> Row for T where T: for<'r> TryFrom<&'r rusqlite::Row<'r>, Error = rusqlite::Error> {}

pub struct Behind(Connection);

impl Behind {
    /// Of a database that a server has opened.
    pub fn open(database: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self(Connection::open_with_flags(database, flags).expect("the database once more"))
    }

    /// Every row of it.
    pub fn all<T: Row>(&self, statement: &str, values: impl Params) -> Vec<T> {
        let mut statement = self.0.prepare_cached(statement).expect("a statement");
        let rows = statement.query_and_then(values, |row| T::try_from(row)).expect("rows");
        rows.collect::<Result<_, _>>().expect("rows that can be read")
    }

    /// The only row of it.
    pub fn one<T: Row>(&self, statement: &str, values: impl Params) -> T {
        self.all(statement, values).pop().expect("a row")
    }
}
