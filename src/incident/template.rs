//! A declaration that was prepared for what happens again and again. What a report says of itself wins
//! over it; who may use one, and when, is decided in `decide::templates`.

use chrono::{DateTime, Utc};

use super::Severity;
use crate::mail::command::{Grammar, Line, read_commands};
use crate::roster::zone::Zone;

/// What is known of such an incident before it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As `Template: database` names it, in any case.
    pub name: String,
    /// For a report without a subject.
    pub title: Option<String>,
    pub severity: Option<Severity>,
    pub services: Vec<String>,
    /// As they stand behind `Task:` in a mail.
    pub tasks: Vec<String>,
}

impl Template {
    /// Its first tasks, read as the lines of a mail are.
    pub fn first_tasks(&self, zone: &Zone, now: DateTime<Utc>) -> Vec<Line> {
        let grammar = Grammar { zone, sections: &[], answered_text: None };
        let read = |task: &String| read_commands(&format!("Task: {task}"), &grammar, now).lines;
        self.tasks.iter().flat_map(read).collect()
    }
}
