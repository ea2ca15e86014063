fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|command| command == "new-text") {
        let path = arguments.next();
        return firebell::cli::new_text::new_text(path.as_deref().map(std::path::Path::new));
    }
    Ok(())
}
