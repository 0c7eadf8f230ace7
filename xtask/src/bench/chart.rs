//! A chart as SVG: for each group a bar a contender, as long as its ratio. It follows the reader's light or dark page.

use super::figures::Group;

const WIDTH: usize = 760;
const LABEL: usize = 290;
const BAR: usize = 300;
const ROW: usize = 20;
const HEAD: usize = 34;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.h{font-weight:600}.v{fill:#59636e}\
    .ours{fill:#0969da}.peer{fill:#afb8c1}\
    @media(prefers-color-scheme:dark){text{fill:#f0f6fc}.v{fill:#9198a1}.ours{fill:#4493f8}.peer{fill:#656c76}}";

/// Draws the bars of `groups`; the longest of each group has the full length.
pub(super) fn render(title: &str, groups: &[&Group]) -> String {
    let (mut y, mut body) = (0, String::new());
    for group in groups {
        body += &text("h", 0, y + 24, "start", &group.name);
        y += HEAD;
        let longest = group.figures.iter().map(|figure| figure.ratio).fold(f64::MIN_POSITIVE, f64::max);
        for figure in &group.figures {
            let length = (figure.ratio / longest * BAR as f64).max(1.0);
            let class = if figure.name.starts_with("minipki") { "ours" } else { "peer" };
            let value = format!("{:.2} x, {}", figure.ratio, figure.value);
            body += &text("", LABEL - 8, y + 14, "end", &figure.name);
            body += &format!(
                "<rect class=\"{class}\" x=\"{LABEL}\" y=\"{}\" width=\"{length:.1}\" height=\"14\" rx=\"2\"/>\n",
                y + 3
            );
            body += &text("v", LABEL + length as usize + 8, y + 14, "start", &value);
            y += ROW;
        }
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" width=\"{WIDTH}\" height=\"{height}\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n{body}</svg>\n",
        escape(title),
        height = y + 10
    )
}

fn text(class: &str, x: usize, y: usize, anchor: &str, content: &str) -> String {
    format!(
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>\n",
        escape(content)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
