//! The new text of a reply: what the sender wrote now, without quotation and signature.
