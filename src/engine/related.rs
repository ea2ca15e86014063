//! Incidents that belong together: what goes over from one to the other is loaded here.
//!
//! What follows from it is decided by `incident`. Start with [`Batch::with_timeline`].

use super::batch::Batch;
use crate::incident::event::Event;
use crate::incident::related::Related;
use crate::store::StoreError;

impl Batch {
    /// What an incident tells of itself, with its timeline where that goes over.
    pub(super) async fn with_timeline(
        &mut self,
        number: i64,
        mut event: Event,
    ) -> Result<Event, StoreError> {
        if let Event::Related(Related::Duplicate(told)) = &mut event {
            told.timeline = self.write.load_timeline(number).await?;
        }
        Ok(event)
    }
}
