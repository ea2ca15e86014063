//! What the manual shows is read as it stands there.

use toml::{Table, Value};

use super::read_config;

const README: &str = include_str!("../../README.md");

/// Lays a piece of configuration over another: people, lists and the like are added.
fn lay_over(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => lay_over(old, new),
            (Some(Value::Array(old)), Value::Array(new)) if new.iter().all(Value::is_table) => {
                let names: Vec<Option<Value>> = new.iter().map(|one| one.get("name").cloned()).collect();
                old.retain(|one| {
                    one.get("name").is_none_or(|name| !names.contains(&Some(name.clone())))
                });
                old.extend(new);
            }
            (_, value) => {
                below.insert(key, value);
            }
        }
    }
}

#[test]
fn every_configuration_of_the_readme_is_read() {
    let blocks: Vec<&str> = README
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split_once("```").expect("a block has an end").0)
        .collect();
    assert!(blocks.len() >= 7, "only {} are left", blocks.len());
    let mut whole: Table = blocks[0].parse().unwrap();
    // The people whom the later ones name, beside those of the first.
    let people = r#"[[person]]
        name = "Carol Diaz"
        alias = "carol"
        email = "carol@example.org""#;
    lay_over(&mut whole, people.parse().unwrap());
    for block in blocks {
        lay_over(&mut whole, block.parse().unwrap_or_else(|error| panic!("{error}\n{block}")));
        let text = toml::to_string(&whole).unwrap();
        if let Err(mistakes) = read_config(&text, "README.md") {
            panic!("{mistakes:?}\n{block}\n{text}");
        }
    }
}
