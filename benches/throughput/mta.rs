//! A private Postfix that hands all mail to a sink: what the usual mail server does on this machine.
//! Needs root and the Debian package, and says so where one is missing.

use crate::daemons::Daemons;
use crate::sink::Sink;
use crate::{Outcome, memory, postfix};

/// A running Postfix.
pub struct Mta {
    pub port: u16,
    pub sink: Sink,
    daemons: Daemons,
}

impl Mta {
    pub fn start() -> Outcome<Self> {
        let (sink, daemons) = (Sink::start()?, Daemons::new());
        let routes = format!("relayhost = [127.0.0.1]:{}\n", sink.port);
        Ok(Self { port: postfix::start(&daemons, &routes), sink, daemons })
    }

    /// MiB of all its processes.
    pub fn memory(&self) -> Outcome<f64> {
        memory::of_those_in(self.daemons.folder())
    }
}
