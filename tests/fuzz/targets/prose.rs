//! Mail without quotation: all of it is new text, as plain text and as HTML.
//!
//! The octets choose among things that people write in incidents, most of which look a little like
//! something that mail programmes add: dates, times, names, colons, rules, lists, logs.

use firebell::mail::message::read_mail;

const PIECES: [&str; 48] = [
    "Checkout is failing for about a third of the customers in Europe.",
    "We rolled back to build 4711 at 14:05 and the error rate is falling again.",
    "On Monday we saw the same thing after the certificate was renewed.",
    "Alice wrote the migration and Bob reviewed it, so ask them first.",
    "The following happened: the primary ran out of disk, the replica took over.",
    "From 09:15 to 09:40 nobody could log in.",
    "To reproduce it, open two tabs and pay in both.",
    "Who is looking at the load balancer in Frankfurt?",
    "2026-11-21 09:14:03 ERROR pool exhausted after 30000 ms",
    "2026-11-21 09:14:04 WARN retrying in 5 s (attempt 3 of 10)",
    "Please call me on +49 30 123456 before you restart anything.",
    "See https://status.example.com/incidents/42 for the figures.",
    "- restart the workers one after the other",
    "- then drain node-7 and look at its log",
    "* the queue is empty again",
    "1. stop the importer",
    "2. run the repair",
    "3. start the importer",
    "I have asked dana@ops.example to join the call at 15:30.",
    "Latency was 340 ms at the 99th percentile, up from 80 ms.",
    "Is anybody else seeing timeouts from the payment provider?",
    "No. The dashboards are green, but the customers say otherwise.",
    "Yes, both.",
    "That is fixed now, thanks to Carol, who found the wrong flag.",
    "We will know more at about 16:00 UTC.",
    "Status of the databases: primary is up, replica is catching up.",
    "Date of the last good backup was the 20th of November.",
    "Subject matter experts are on the bridge.",
    "The original message in the queue was 12 MB large.",
    "I sent it from my own account and it arrived.",
    "The mail said \"Sent from my iPhone\" and nothing else, which is odd.",
    "SELECT count(*) FROM orders WHERE paid_at IS NULL;",
    "curl -sv https://api.example.com/health | head",
    "    at com.example.Pool.take(Pool.java:118)",
    "    at com.example.Checkout.pay(Checkout.java:77)",
    "Wir haben den Fehler gefunden, am Montag um 10 Uhr schreibt Bob mehr dazu.",
    "Le service est revenu, mais le cache est encore froid.",
    "El equipo de redes lo está mirando desde las 10:20.",
    "サーバーを再起動しました。",
    "Мы откатили последний выпуск, ошибок больше нет.",
    "Customers in Poland, Spain and Italy are affected; Germany is not.",
    "If it comes back, fail over by hand and tell me.",
    "The certificate of mx.example.org ends on 1 December 2026 at 12:00.",
    "The disk was full (97 %), and that was the cause.",
    "What we do next: watch it for an hour, then close.",
    "Regards to the team in Oslo, they were quick.",
    "Do not forward this to the vendor before legal has read it.",
    "Nothing else to tell.",
];

/// Reads each octet as a piece of a mail and how it is set apart from the one before.
pub fn check(octets: &[u8]) {
    let mut body = String::new();
    let mut html = String::from("<html><body><div>");
    for octet in octets.iter().take(40) {
        let piece = PIECES[usize::from(octet % 48)];
        let (line_end, tag) = match octet / 48 {
            _ if body.is_empty() => ("", ""),
            0 | 1 => ("\r\n", "<br>"),
            2 | 3 => ("\r\n\r\n", "</div><div><br></div><div>"),
            _ => ("\r\n\r\n", "</div><p>"),
        };
        body.push_str(line_end);
        body.push_str(piece);
        html.push_str(tag);
        html.push_str(&piece.replace('&', "&amp;").replace('<', "&lt;"));
    }
    html.push_str("</div></body></html>");
    check_kept("plain", &body, &body);
    check_kept("html", &html, &body);
}

fn check_kept(kind: &str, sent: &str, body: &str) {
    let mail = format!(
        "From: Erin Vogel <erin@ops.example>\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{sent}\r\n"
    );
    let mail = read_mail(mail.as_bytes(), false);
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&mail.new_text), words(body), "{kind}: elided {:?}", mail.elided);
}
