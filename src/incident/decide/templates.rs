//! A prepared declaration: it states what the report left open, and gives the first tasks.

use super::Step;
use super::lines::Applied;
use crate::incident::event::Said;
use crate::mail::command::{Command, UNTITLED};

/// A name within so many slips is the one that was meant.
const SLIPS_MAX: usize = 2;

impl Step<'_> {
    /// `Template: database`. Whatever somebody stated stays as it is.
    pub(super) fn use_template(&mut self, name: &str, said: &Said) -> Applied {
        self.check_active()?;
        let policy = self.policy;
        let Some(template) = policy.template(name) else {
            let names: Vec<&str> =
                policy.templates.iter().map(|template| template.name.as_str()).collect();
            let why = match names.as_slice() {
                [] => "No template is configured here".to_owned(),
                names => {
                    format!("There is no template `{name}`; those here are: {}", names.join(", "))
                }
            };
            return Err((why, meant(name, &names).map(|known| format!("Template: {known}"))));
        };
        if self.incident.templates.contains(&template.name) {
            return Err((format!("The template {} is used already", template.name), None));
        }
        self.incident.templates.push(template.name.clone());
        self.facts.push(format!("Template: {}", template.name));
        if let (UNTITLED, Some(title)) = (self.incident.title.as_str(), &template.title) {
            self.incident.title.clone_from(title);
            self.fact("Title", title)?;
        }
        if let Some(severity) = template.severity.filter(|_| self.incident.severity_assumed) {
            self.set_severity(severity, said)?;
        }
        if self.incident.services.is_empty() && !template.services.is_empty() {
            self.add_services(&template.services)?;
        }
        let mut given = 0;
        for line in template.first_tasks(&policy.calendar.zone, self.now) {
            let Ok(Command::Task { text, within }) = &line.meaning else { continue };
            match self.give_task(text, *within, said) {
                Ok(_) => given += 1,
                Err((why, _)) => {
                    self.hints.push(format!("The template's `{}` was not given: {why}.", line.typed));
                }
            }
        }
        let tasks = if given == 1 { "task" } else { "tasks" };
        Ok(format!("the template {} is used, and {given} {tasks} given", template.name))
    }
}

/// Which of the names that there are somebody meant.
pub(super) fn meant<'n>(name: &str, names: &[&'n str]) -> Option<&'n str> {
    let slips = |known: &&str| strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    names.iter().copied().min_by_key(slips).filter(|known| slips(known) <= SLIPS_MAX)
}
