//! The charts of issued certificates and refusals, as SVG, with their numbers.

use minipki_core::time::UnixTime;
use minipki_server::Span;

/// The width of one part of a chart, and the height of a chart, in units of the drawing.
const STEP: u64 = 10;
const HEIGHT: u64 = 100;

/// A chart of one span of time.
pub(super) struct Chart {
    pub(super) name: &'static str,
    pub(super) issued: u64,
    pub(super) refused: u64,
    /// The earliest part first.
    pub(super) bars: Vec<Bar>,
}

/// A part of the span.
pub(super) struct Bar {
    /// The start of the part.
    pub(super) label: String,
    pub(super) issued: u64,
    pub(super) refused: u64,
    /// The left side of the bar.
    pub(super) x: u64,
    /// The heights of both parts of the bar. The refusals are above the issued certificates.
    pub(super) issued_height: u64,
    pub(super) refused_height: u64,
}

impl Bar {
    pub(super) const fn issued_top(&self) -> u64 {
        HEIGHT - self.issued_height
    }

    pub(super) const fn refused_top(&self) -> u64 {
        HEIGHT - self.issued_height - self.refused_height
    }
}

impl Chart {
    /// The chart of `span` from the numbers of its parts, the earliest first. `bounds` are the starts of the parts.
    pub(super) fn new(span: Span, bounds: &[UnixTime], issued: &[u64], refused: &[u64]) -> Self {
        let all = || issued.iter().copied().zip(refused.iter().copied());
        let peak = all().map(|(issued, refused)| issued + refused).max().unwrap_or(0).max(1);
        // A small number is visible beside a large one.
        let height = |count: u64| if count == 0 { 0 } else { (count * (HEIGHT - 4) / peak).max(2) };
        let bars = bounds.iter().zip(all()).zip(0..).map(|((start, (issued, refused)), place)| {
            let issued_height = height(issued).min(HEIGHT);
            Bar {
                label: label(span, *start),
                issued,
                refused,
                x: place * STEP,
                issued_height,
                refused_height: height(refused).min(HEIGHT - issued_height),
            }
        });
        Self {
            name: match span {
                Span::Hour => "Last hour",
                Span::Day => "Last day",
                Span::Month => "Last 30 days",
            },
            issued: issued.iter().sum(),
            refused: refused.iter().sum(),
            bars: bars.collect(),
        }
    }

    /// The width of the drawing.
    pub(super) fn width(&self) -> u64 {
        self.bars.len() as u64 * STEP
    }

    /// The label of the first and of the last part.
    pub(super) fn ends(&self) -> [&str; 2] {
        [self.bars.first(), self.bars.last()].map(|bar| bar.map_or("", |bar| bar.label.as_str()))
    }

    /// The parts in which something happened.
    pub(super) fn busy(&self) -> impl Iterator<Item = &Bar> {
        self.bars.iter().rev().filter(|bar| bar.issued + bar.refused > 0)
    }
}

/// The start of a part: the time of day, or the date.
fn label(span: Span, start: UnixTime) -> String {
    let text = start.to_string();
    let shown = if span == Span::Month { text.get(..10) } else { text.get(11..16) };
    shown.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_stay_in_the_drawing_and_small_numbers_are_visible() {
        let bounds = Span::Day.bounds(UnixTime::new(1_000_000_000).expect("a time"));
        let (mut issued, mut refused) = (vec![0; 24], vec![0; 24]);
        (issued[3], refused[3], refused[23]) = (1_000_000, 1, 5);
        let chart = Chart::new(Span::Day, &bounds, &issued, &refused);
        assert_eq!((chart.issued, chart.refused, chart.width()), (1_000_000, 6, 240));
        assert_eq!(chart.bars.len(), 24);
        assert!(chart.bars.iter().all(|bar| bar.issued_height + bar.refused_height <= HEIGHT));
        assert_eq!((chart.bars[3].refused_height, chart.bars[23].refused_height), (2, 2));
        assert_eq!(chart.bars[3].refused_top() + 2, chart.bars[3].issued_top());
        assert_eq!(chart.busy().map(|bar| bar.x).collect::<Vec<_>>(), [230, 30]);
        assert_eq!(chart.ends(), ["02:00", "01:00"]);
    }
}
