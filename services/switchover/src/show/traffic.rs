//! What users were answered over time, as people read it: figures, and a line of columns for each
//! generation, so that a switch is seen as one line ending where the next one begins.

use std::time::Duration;

use jiff::Timestamp;
use proto::catalog::v1::{ListTrafficResponse, TrafficPoint};

use super::{
    View,
    paper::{Paper, Word, dim, good, strong},
    words::{between, duration, faults, instant, local},
};

/// The most columns of a chart.
pub const COLUMNS_MAX: u64 = 64;
/// What a terminal has of which nobody knows how wide it is.
const WIDTH: u16 = 80;
/// How high a column is, lowest first.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Which time was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// When the first step begins.
    pub start: Timestamp,
    /// When the last one ends, or sooner.
    pub end: Timestamp,
    /// How long a step is: a second at least.
    pub step: Duration,
}

/// One generation's columns.
struct Line<'a> {
    generation: u64,
    version: &'a str,
    requests: i64,
    failed: i64,
    /// Requests by column.
    columns: Vec<i64>,
}

/// Says what users of an application were answered.
pub fn traffic(
    application: &str,
    answer: &ListTrafficResponse,
    asked: &Asked,
    view: &View,
) -> String {
    let label = answer.points.iter().map(label).map(|it| it.chars().count());
    let label = label.max().unwrap_or_default();
    let chart = Chart::new(asked, label, view);
    let lines = lines(&answer.points, &chart);
    let title = format!("{application}: what users were answered");
    let shown = duration(between(asked.start, asked.end));
    let column = format!("in {shown}, a column is {}", duration(chart.column));
    let mut paper = Paper::new(view).line([strong(title), dim(column)]);
    let rows = lines.iter().map(|line| row(line, &chart)).collect();
    let titles = [
        "GENERATION",
        "VERSION",
        "REQUESTS",
        "FAILED",
        "MOST A SECOND",
    ];
    paper = paper
        .gap()
        .table(&titles, rows, "No user was answered in this time.");
    if !lines.is_empty() {
        let most = lines.iter().flat_map(|line| &line.columns).max();
        let most = most.copied().unwrap_or_default();
        paper = paper.gap();
        for line in &lines {
            let name = format!("{} {}", line.generation, line.version);
            let name = Word::from(format!("{name:label$} "));
            paper = paper.line([name, good(columns(line, most).trim_end())]);
        }
        paper = paper.line([
            dim(" ".repeat(label + 1)),
            dim(chart.axis(asked.start, view)),
        ]);
    }
    let kept = instant(answer.kept_since_time).filter(|kept| *kept > asked.start);
    if let Some(kept) = kept {
        let note = format!("Nothing is kept from before {}.", local(kept, view));
        paper = paper.gap().line([dim(note)]);
    }
    // The last 2 s are always open; what is open for longer is worth a word.
    let complete = instant(answer.complete_time);
    let open = complete.filter(|until| between(*until, asked.end) > Duration::from_secs(10));
    if let Some(until) = open {
        let until = local(until, view);
        let note = format!("Figures after {until} may grow: a gateway is not heard.");
        paper = paper
            .gap()
            .line([dim(note)])
            .next("switchover gateways list");
    }
    paper.finish()
}

fn label(point: &TrafficPoint) -> String {
    format!("{} {}", point.generation, point.version)
}

/// How steps become columns.
struct Chart {
    start: i64,
    count: usize,
    column: Duration,
}

impl Chart {
    /// As many columns as there are steps, or where there is no room several steps in one.
    fn new(asked: &Asked, label: usize, view: &View) -> Self {
        let width = view.width.unwrap_or(WIDTH).into();
        let room = u64::try_from(usize::saturating_sub(width, label + 2)).unwrap_or_default();
        let room = room.clamp(10, COLUMNS_MAX);
        let seconds = |time: Duration| time.as_secs().max(1);
        let steps = seconds(between(asked.start, asked.end)).div_ceil(seconds(asked.step));
        let in_one = steps.div_ceil(room).max(1);
        Self {
            start: asked.start.as_second(),
            count: usize::try_from(steps.div_ceil(in_one)).unwrap_or(1),
            column: Duration::from_secs(seconds(asked.step).saturating_mul(in_one)),
        }
    }

    /// Returns the column of a time; the first or the last if it is in none.
    fn column(&self, time: Timestamp) -> usize {
        let into = time.as_second().saturating_sub(self.start).max(0);
        let column = i64::try_from(self.column.as_secs()).unwrap_or(i64::MAX);
        let column = usize::try_from(into / column.max(1)).unwrap_or(usize::MAX);
        column.min(self.count.saturating_sub(1))
    }

    /// The times at which it begins and ends.
    fn axis(&self, start: Timestamp, view: &View) -> String {
        let clock = |time: Timestamp| {
            let time = time.to_zoned(view.zone.clone());
            time.strftime("%H:%M:%S").to_string()
        };
        let columns = u32::try_from(self.count).unwrap_or(u32::MAX);
        let end = start.saturating_add(self.column.saturating_mul(columns));
        let (first, last) = (clock(start), clock(end.unwrap_or(start)));
        let gap = self.count.saturating_sub(first.len() + last.len()).max(1);
        format!("{first}{}{last}", " ".repeat(gap))
    }
}

fn lines<'a>(points: &'a [TrafficPoint], chart: &Chart) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    for point in points {
        let at = lines
            .iter()
            .position(|line| line.generation == point.generation);
        let at = at.unwrap_or_else(|| {
            lines.push(Line {
                generation: point.generation,
                version: &point.version,
                requests: 0,
                failed: 0,
                columns: vec![0; chart.count],
            });
            lines.len() - 1
        });
        let line = &mut lines[at];
        line.requests = line.requests.saturating_add(point.requests);
        line.failed = line.failed.saturating_add(point.failed);
        let column = instant(point.time).and_then(|time| line.columns.get_mut(chart.column(time)));
        if let Some(column) = column {
            *column = column.saturating_add(point.requests);
        }
    }
    lines.sort_by_key(|line| line.generation);
    lines
}

fn row(line: &Line<'_>, chart: &Chart) -> Vec<Word> {
    let most = line.columns.iter().max().copied().unwrap_or_default();
    let rate = most as f64 / chart.column.as_secs_f64();
    vec![
        line.generation.to_string().into(),
        strong(line.version),
        line.requests.to_string().into(),
        faults(line.failed),
        match rate {
            10.0.. => format!("{rate:.0}"),
            _ => format!("{rate:.1}"),
        }
        .into(),
    ]
}

/// Draws a line, as high as it is of the highest column of all lines; what is not nought is seen.
fn columns(line: &Line<'_>, most: i64) -> String {
    let height = |requests: i64| match requests {
        ..=0 => ' ',
        _ => {
            let top = HEIGHTS.len() - 1;
            let part = i128::from(requests) * 8 / i128::from(most.max(1));
            HEIGHTS[usize::try_from(part - 1).unwrap_or_default().min(top)]
        }
    };
    line.columns.iter().map(|it| height(*it)).collect()
}

#[cfg(test)]
mod tests {
    use crate::show::samples::{at, plain, view};

    use super::*;

    fn point(second: i64, generation: u64, requests: i64, failed: i64) -> TrafficPoint {
        TrafficPoint {
            time: at(second * 1000),
            generation,
            version: if generation == 2 { "2.0" } else { "1.0.1" }.to_owned(),
            requests,
            failed,
        }
    }

    fn asked(length: i64, step: u64) -> Asked {
        let start = instant(at(0)).unwrap();
        Asked {
            start,
            end: instant(at(length * 1000)).unwrap(),
            step: Duration::from_secs(step),
        }
    }

    fn answer(points: Vec<TrafficPoint>) -> ListTrafficResponse {
        ListTrafficResponse {
            points,
            complete_time: at(58_000),
            kept_since_time: at(-3_600_000),
        }
    }

    #[test]
    fn a_switch_is_one_line_that_ends_where_the_next_one_begins() {
        let mut points: Vec<_> = (3..30)
            .map(|it| point(it, 1, 900 + it % 5 * 40, 0))
            .collect();
        points.push(point(30, 1, 200, 1));
        points.push(point(30, 2, 700, 0));
        points.extend((31..58).map(|it| point(it, 2, 940 - it % 7 * 90, 2)));
        points.push(point(58, 2, 3, 0));
        let shown = traffic("shop", &answer(points), &asked(60, 1), &view());
        insta::assert_snapshot!("traffic", plain(&shown));
    }

    #[test]
    fn steps_for_which_there_is_no_room_share_a_column() {
        let points = (0..3600)
            .step_by(5)
            .map(|it| point(it, if it < 1000 { 1 } else { 2 }, 5, 0))
            .collect();
        let narrow = View {
            width: Some(40),
            ..view()
        };
        let answer = ListTrafficResponse {
            complete_time: at(3_598_000),
            ..answer(points)
        };
        let shown = plain(&traffic("shop", &answer, &asked(3600, 5), &narrow));
        assert!(
            shown.lines().all(|line| line.chars().count() <= 60),
            "{shown}"
        );
        insta::assert_snapshot!("traffic_narrow", shown);
    }

    #[test]
    fn what_is_not_there_is_said() {
        let nothing = ListTrafficResponse {
            kept_since_time: at(10_000),
            complete_time: at(5_000),
            ..ListTrafficResponse::default()
        };
        let shown = traffic("shop", &nothing, &asked(60, 1), &view());
        insta::assert_snapshot!("traffic_none", plain(&shown));
        // Nobody's figures are beyond what can be shown.
        let hostile = TrafficPoint {
            time: None,
            requests: i64::MAX,
            failed: i64::MIN,
            ..point(0, u64::MAX, 0, 0)
        };
        let hostile = answer(vec![hostile.clone(), hostile]);
        traffic("shop", &hostile, &asked(60, 1), &view());
    }
}
