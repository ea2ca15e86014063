//! The elements in which mail programmes put quotations, signatures and who wrote what follows: tables,
//! no rules. A new client is a new entry. All in lower case, styles without white space.

/// Classes and ids of the element in which a client writes who wrote what is quoted.
pub(super) const ATTRIBUTIONS: &[&str] =
    &["gmail_attr", "moz-cite-prefix", "moz-email-headers-table", "spark_quote_header", "airmail_on"];
/// Of the element behind which there is nothing but the mail that is answered.
pub(super) const CUTS: &[&str] = &[
    "divrplyfwdmsg",
    "appendonsend",
    "replyforwardheader",
    "ms-outlook-mobile-reference-message",
    "mail-editor-reference-message-container",
    "__zwchr",
    "zwchr",
];
/// Of the element that holds the quotation.
pub(super) const QUOTES: &[&str] = &[
    "gmail_quote",
    "gmail_quote_container",
    "gmail_extra_quote",
    "yahoo_quoted",
    "protonmail_quote",
    "zmail_extra",
    "olk_src_body_section",
    "mac_olk_src_body_section",
    "isforwardcontent",
    "tutanota_quote",
    "moz-forward-container",
    "quotedtext",
    "wmquote",
    "__plain_text_quote__",
    "front-blockquote",
    "airmail_ext_on",
    "edo-original",
    "reply-quote",
    "js-helper_quote",
    "sh-quoted-content",
    "mailmateblockquote",
    "originalmessage",
    "original-message",
    "ntes_quote",
    "spark_quote",
];
/// Of the blockquote that a programme made.
pub(super) const CITES: &[&str] = &[
    "gmail_quote",
    "protonmail_quote",
    "tutanota_quote",
    "front-blockquote",
    "clean_bq",
    "spark_quote",
    "zimbra_quote",
    "iosymail",
    "yahoo_quoted",
    "gmail_extra_quote",
];
/// Of the element that holds the signature.
pub(super) const SIGNATURES: &[&str] = &[
    "gmail_signature",
    "moz-signature",
    "ms-outlook-mobile-signature",
    "protonmail_signature_block",
    "signature",
    "x_signature",
    "yahoo-signature",
    "yahoo_signature",
    "ymail_android_signature",
    "applemailsignature",
    "linebreakatbeginningofsignature",
    "front-signature",
    "spark_signature",
    "sh-signature",
    "mail-signature",
    "tutanota_signature",
    "composer_signature",
];
/// Of the style of the box in which Outlook and Windows Mail name the author of what follows.
pub(super) const HEADER_BOXES: &[&str] = &[
    "border-top:solid#e1e1e1",
    "border-top:solid#b5c4df",
    "border-top:solidrgb(225,225,225)",
    "border-top:solidrgb(181,196,223)",
    "border-top:1ptsolid",
    "border-top:1px;border-top-style:solid",
    "border-top:solidwindowtext1.0pt",
    "border-top-width:1px;border-top-style:solid",
    "border-style:solidnonenone",
    "border-top-style:solid",
];
