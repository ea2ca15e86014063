#[tokio::main]
async fn main() {
    let path = std::env::args().nth(1).unwrap();
    let base = std::fs::read_to_string("tests/conversations/firebell.toml").unwrap();
    let script =
        firebell::rehearse::script::read_script(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/x.db", dir.path().display());
    match firebell::rehearse::play(&script, &base, &url).await {
        Ok(t) => println!("{t}"),
        Err(e) => println!("ERROR {e}"),
    }
}
