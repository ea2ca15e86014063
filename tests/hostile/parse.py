# Reads every mail of a folder with Python's email package, in both of its ways, and prints what it found:
# one line of JSON a mail. Stands beside mail-parser, so that no header is there for one reader only.
import email
import email.policy
import email.utils
import json
import pathlib
import sys

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.eml")):
    octets = path.read_bytes()
    modern = email.message_from_bytes(octets, policy=email.policy.default)
    old = email.message_from_bytes(octets, policy=email.policy.compat32)
    addresses = {
        name: sorted(address for _, address in email.utils.getaddresses(old.get_all(name, [])))
        for name in ("From", "To", "Cc", "Bcc", "Reply-To", "Sender")
    }
    print(json.dumps({
        "name": path.stem,
        "headers": [name.lower() for name in modern.keys()],
        "headers_old": [name.lower() for name in old.keys()],
        "addresses": addresses,
        "subject": str(modern["Subject"]),
        "parts": [part.get_content_type() for part in modern.walk()],
        "defects": sorted(str(type(defect).__name__) for part in modern.walk() for defect in part.defects),
    }))
