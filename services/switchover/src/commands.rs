//! What the client's commands do: one file a noun. Each parses nothing and prints nothing itself.

mod again;
pub mod apps;
pub mod audit;
pub mod bulk;
pub mod catalog;
pub mod completions;
pub mod confirm;
pub mod credentials;
pub mod deliveries;
pub mod follow;
pub mod gateways;
pub mod inbox;
pub mod keys;
pub mod mail;
pub mod proposals;
pub mod provisionings;
pub mod switches;
pub mod tenants;
pub mod tokens;
pub mod verify_history;
pub mod versions;

use crate::{connect::Session, error::Error, show::Screen};

/// A verb that asks services.
pub trait Verb {
    /// Does it.
    fn run(
        self,
        session: &Session,
        screen: &Screen,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Whether a list goes on, and from where.
pub(crate) enum Further {
    /// With the next page.
    Page(String),
    /// It does not.
    Done,
}

/// Decides whether to ask for the page after this one.
pub(crate) fn further(all: bool, next_page_token: String) -> Further {
    if all && !next_page_token.is_empty() {
        Further::Page(next_page_token)
    } else {
        Further::Done
    }
}

/// The answer's main part; a service that leaves it out has a fault.
pub(crate) fn present<T>(session: &Session, part: Option<T>) -> Result<T, Error> {
    part.ok_or_else(|| Error::Service {
        problem: contract::Problem::new(
            contract::Code::Internal,
            contract::reason::INTERNAL,
            "The service's answer is incomplete.",
        ),
        request_id: session.request_id().clone(),
    })
}

/// Asks for the pages of a list and shows them.
macro_rules! pages {
    ($session:ident, $screen:ident, $paging:ident, $service:ident, $client:ident.$method:ident($request:ident),
     $items:ident, $render:expr) => {{
        $request.page_size = $paging.page_size;
        $request.page_token = $paging.page_token;
        loop {
            let answer = $session
                .ask(
                    crate::connect::Service::$service,
                    $session.$client().$method($request.clone()),
                )
                .await?;
            let further = crate::commands::further($paging.all, answer.next_page_token.clone());
            $screen.answer(&answer, |view| {
                let mut text = $render(&answer.$items, view);
                if matches!(further, crate::commands::Further::Done) {
                    let (shown, next) = (answer.$items.len(), &answer.next_page_token);
                    text.push_str(&crate::show::catalog::more(shown, next, view));
                }
                text
            })?;
            match further {
                crate::commands::Further::Page(token) => $request.page_token = token,
                crate::commands::Further::Done => return Ok(()),
            }
        }
    }};
}
pub(crate) use pages;
