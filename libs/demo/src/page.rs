//! The pages that people see.

use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::HeaderMap,
    response::{Html, IntoResponse as _, Response},
};

use crate::{App, Release, identity::Caller};

const FRAME: &str = include_str!("page/frame.html");
const HOME: &str = include_str!("page/home.html");

/// The page that watches itself: it asks again and again, and shows who answered.
pub(crate) async fn home(
    State(app): State<Arc<App>>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
) -> Response {
    page(&app.release, &headers, caller, HOME)
}

/// What users may be in this version.
pub(crate) async fn roles(
    State(app): State<Arc<App>>,
    caller: Option<Extension<Caller>>,
    headers: HeaderMap,
) -> Response {
    let release = &app.release;
    let mut content = String::from("<h2>Roles</h2><dl>");
    for role in &release.roles {
        let (name, description) = (escape(&role.name), escape(&role.description));
        content.push_str(&format!("<dt>{name}</dt><dd>{description}</dd>"));
    }
    content.push_str("</dl>");
    if !release.scopes.is_empty() {
        content.push_str("<h2>Acts for you with app credentials</h2><ul>");
        for scope in &release.scopes {
            content.push_str(&format!("<li><code>{}</code></li>", escape(scope)));
        }
        content.push_str("</ul>");
    }
    page(release, &headers, caller, &content)
}

fn page(
    release: &Release,
    headers: &HeaderMap,
    caller: Option<Extension<Caller>>,
    content: &str,
) -> Response {
    let user = caller.and_then(|Extension(caller)| caller.sub);
    let user = user.map(|user| format!("{user} of ")).unwrap_or_default();
    let tenant = headers
        .get("switchover-tenant")
        .and_then(|tenant| tenant.to_str().ok())
        .unwrap_or("nobody in particular");
    Html(
        FRAME
            .replace("{{content}}", content)
            .replace("{{hue}}", &(release.hue % 360).to_string())
            .replace("{{summary}}", &escape(&release.summary))
            .replace("{{version}}", &escape(&release.version))
            .replace("{{user}}", &escape(&user))
            .replace("{{tenant}}", &escape(tenant)),
    )
    .into_response()
}

fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // A value never opens a placeholder of the frame.
            '{' => escaped.push_str("&#123;"),
            _ => escaped.push(c),
        }
        escaped
    })
}
