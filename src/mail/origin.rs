//! Whether a person or a machine wrote a message, and which kind of machine.

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Somebody typed it.
    Person,
    /// A vacation notice or another automatic answer (RFC 3834).
    AutoReply,
    /// A delivery report (RFC 3464) or an older bounce.
    DeliveryReport,
    /// A read receipt (RFC 8098).
    ReadReceipt,
    /// A complaint (RFC 5965).
    Complaint,
    /// An answer to a meeting invitation (RFC 5546).
    MeetingReply,
    /// Our own mail on its way back.
    Own,
}

impl Origin {
    /// Everything but a person: filed, and without any effect.
    pub fn is_automatic(self) -> bool {
        self != Self::Person
    }
}
