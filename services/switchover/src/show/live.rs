//! A switch while it goes on: drawn in place on a terminal, one line for each piece of news
//! elsewhere, one object for each change to programs.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use prost::{Message, Name};
use proto::catalog::v1::Switch;

use super::{Form, Screen, progress};
use crate::error::Error;

/// The view of one switch. Dropped before its end, it leaves what it showed last.
#[derive(Debug)]
pub struct Live {
    screen: Screen,
    bar: Option<ProgressBar>,
    last: Option<Switch>,
}

impl Live {
    pub(super) fn new(screen: Screen) -> Self {
        let bar = screen.can_redraw().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
            bar.set_style(
                ProgressStyle::with_template("{msg}").expect("the template is one placeholder"),
            );
            bar
        });
        Self {
            screen,
            bar,
            last: None,
        }
    }

    /// Shows the switch as it is now; `answer` is what said so.
    pub fn show<M: Message + Name>(&mut self, answer: &M, switch: &Switch) -> Result<(), Error> {
        if self.screen.form() == Form::Json {
            return self.screen.answer(answer, |_| String::new());
        }
        match &self.bar {
            Some(bar) if progress::ended(switch) => {
                bar.finish_and_clear();
                let text = progress::whole(switch, &self.screen.view());
                self.screen.text(&text)?;
            }
            Some(bar) => {
                bar.set_message(self.drawn(switch));
                bar.tick();
            }
            None => {
                for line in progress::news(self.last.as_ref(), switch, &self.screen.view()) {
                    self.screen.text(&format!("{line}\n"))?;
                }
            }
        }
        self.last = Some(switch.clone());
        Ok(())
    }

    /// Draws again, so that the time of the present step goes on.
    pub fn tick(&self) {
        if let (Some(bar), Some(switch)) = (&self.bar, &self.last)
            && !progress::ended(switch)
        {
            bar.set_message(self.drawn(switch));
        }
    }

    fn drawn(&self, switch: &Switch) -> String {
        let text = progress::whole(switch, &self.screen.view());
        self.screen.painted(text.trim_end())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar
            && !bar.is_finished()
        {
            bar.abandon();
        }
    }
}
