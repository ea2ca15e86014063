//! The form that declares an incident: it writes the mail that a person would.

use axum::extract::{Form, State};
use axum::response::Redirect;
use serde::Deserialize;

use super::{House, Problem};
use crate::demo::letters::Letter;
use crate::demo::organisation::{ADDRESS, Player};
use crate::demo::views::TemplateLine;
use crate::incident::Policy;
use crate::incident::template::Template;

#[derive(Debug, Deserialize)]
pub(super) struct Declared {
    from: String,
    /// Empty for none.
    #[serde(default)]
    template: String,
    subject: String,
    text: String,
}

/// What may be chosen, with what each brings.
pub(super) fn template_lines(policy: &Policy) -> Vec<TemplateLine> {
    let line =
        |template: &Template| TemplateLine { name: template.name.clone(), brings: brings(template) };
    policy.templates.iter().map(line).collect()
}

fn brings(template: &Template) -> String {
    let tasks = match template.tasks.len() {
        0 => None,
        1 => Some("1 first task".to_owned()),
        count => Some(format!("{count} first tasks")),
    };
    let services = template.services.join(", ");
    let severity = template.severity.map(|severity| severity.to_string());
    let parts = [template.title.clone(), severity, Some(services), tasks];
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    parts.join("; ")
}

/// Sends the report, and leads to the incident that it became.
pub(super) async fn declare(
    State(house): State<House>,
    Form(form): Form<Declared>,
) -> Result<Redirect, Problem> {
    let from = Player::named(&form.from).ok_or(Problem::NotHere)?;
    let text = match form.template.as_str() {
        "" => form.text,
        name => {
            let policy = house.engine.policy();
            let template = policy.template(name).ok_or(Problem::NotHere)?;
            // Without an empty line: what follows may be further fields.
            format!("Template: {}\n{}", template.name, form.text)
        }
    };
    let before = house.newest_incident().await?;
    let sent = house
        .send(Letter {
            from,
            from_address: from.address,
            to: ADDRESS.to_owned(),
            subject: form.subject,
            text,
            references: Vec::new(),
        })
        .await?;
    let after = house.newest_incident().await?;
    Ok(match after.filter(|_| after != before) {
        Some(number) => Redirect::to(&format!("/incident/INC-{number}?sent={sent}")),
        None => Redirect::to(&format!("/?sent={sent}")),
    })
}
