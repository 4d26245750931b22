//! A letter as HTML that mail programs show alike: styles on the elements, for narrow and wide, light
//! and dark. Nothing is loaded, but for the logo if it is elsewhere.

use crate::{
    look::{Logo, Look, Picture},
    texts::{Form, Letter, Missing, Style, Texts, Values, escape},
};

const PARAGRAPH: &str = "margin:0 0 16px;overflow-wrap:anywhere;";
const HEADING: &str = "margin:24px 0 8px;font-size:18px;line-height:1.3;overflow-wrap:anywhere;";
/// Whoever presses a button of this colour takes something away.
const DANGER: (&str, &str) = ("#b3261e", "#ffffff");
const STYLE: &str = ":root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background-color: #14171c !important; color: #e8eaed !important; }
  .card { background-color: #1d2127 !important; border-color: #3a4048 !important; color: #e8eaed !important; }
  .quote { border-color: #5b6470 !important; }
  .note, .note a { color: #b4bac3 !important; }
}
@media (max-width: 480px) {
  .outer { padding: 0 !important; }
  .card { padding: 20px 16px !important; border-left: 0 !important; border-right: 0 !important; border-radius: 0 !important; }
  .button { display: block !important; text-align: center !important; }
}";

/// Writes a letter.
pub(super) fn mail(
    texts: &Texts,
    letter: &Letter,
    values: &Values,
    look: &Look,
) -> Result<String, Missing> {
    let say = |name: &'static str| texts.common(name)?.render(values, Style::Html);
    let hello = if values.is("reader")? {
        "hello"
    } else {
        "hello_all"
    };
    let mut body = format!("<p style=\"{PARAGRAPH}\">{}</p>\n", say(hello)?);
    for block in &letter.blocks {
        if block.is_there(values)? {
            let said = block.phrase.render(values, Style::Html)?;
            body.push_str(&element(block.form, &said, values, look)?);
        }
    }
    let mut note = say("sent_by")?;
    if values.is("unsubscribe")? {
        let link = escaped(values.text("unsubscribe")?);
        let words = say("unsubscribe")?;
        note.push_str(&format!(
            "<br><a href=\"{link}\" style=\"color:#50565e;\">{words}</a>"
        ));
    }
    let title = letter.title.render(values, Style::Html)?;
    let language = look.language.tag();
    let logo = logo(look, values)?;
    let colour = look.colour;
    Ok(format!(
        "<!doctype html>
<html lang=\"{language}\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<meta name=\"supported-color-schemes\" content=\"light dark\">
<title>{title}</title>
<style>
{STYLE}
</style>
</head>
<body class=\"page\" style=\"margin:0;padding:0;background-color:#f3f4f6;color:#1b1f24;font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5;\">
<div class=\"page outer\" style=\"padding:24px 12px;background-color:#f3f4f6;color:#1b1f24;\">
<div class=\"card\" role=\"article\" lang=\"{language}\" style=\"max-width:600px;margin:0 auto;padding:24px;background-color:#ffffff;border:1px solid #d5d9de;border-top:4px solid {colour} !important;border-radius:8px;color:#1b1f24;\">
{logo}<h1 style=\"margin:0 0 16px;font-size:22px;line-height:1.3;overflow-wrap:anywhere;\">{title}</h1>
{body}<p class=\"note\" style=\"margin:24px 0 0;font-size:14px;color:#50565e;overflow-wrap:anywhere;\">{note}</p>
</div>
</div>
</body>
</html>
"
    ))
}

fn element(form: Form, said: &str, values: &Values, look: &Look) -> Result<String, Missing> {
    let button = |(ground, ink): (&str, &str)| {
        let link = escaped(values.text("link")?);
        Ok(format!(
            "<p style=\"margin:24px 0;\"><a class=\"button\" href=\"{link}\" style=\"display:inline-block;padding:12px 20px;border-radius:6px;background-color:{ground};color:{ink};font-weight:600;text-decoration:none;overflow-wrap:anywhere;\">{said}</a></p>\n"
        ))
    };
    match form {
        Form::Paragraph => Ok(format!("<p style=\"{PARAGRAPH}\">{said}</p>\n")),
        Form::Heading => Ok(format!("<h2 style=\"{HEADING}\">{said}</h2>\n")),
        Form::Button => {
            let (ground, ink) = (look.colour.to_string(), look.colour.ink().to_string());
            button((&ground, &ink))
        }
        Form::Danger => button(DANGER),
        Form::Quote => Ok(format!(
            "<p class=\"quote\" style=\"{PARAGRAPH}padding-left:12px;border-left:3px solid #c3c8cf;white-space:pre-line;\">{said}</p>\n"
        )),
    }
}

fn logo(look: &Look, values: &Values) -> Result<String, Missing> {
    let source = match &look.logo {
        None => return Ok(String::new()),
        Some(Logo::Url(url)) => escaped(url),
        Some(Logo::Embedded(_)) => format!("cid:{}", Picture::ID),
    };
    let operator = escaped(values.text("operator")?);
    Ok(format!(
        "<p style=\"margin:0 0 20px;\"><img src=\"{source}\" alt=\"{operator}\" height=\"40\" style=\"height:40px;max-width:100%;border:0;\"></p>\n"
    ))
}

fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    escape(text, &mut shown);
    shown
}
