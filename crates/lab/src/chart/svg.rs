//! Writing SVG: escaping and the few elements that charts are made of.
//!
//! Colours, fonts and strokes come from classes in `style.css`, so a chart
//! follows the page's light or dark mode. Class names and path data are ours;
//! every text that somebody else may have written goes through [`escape`].

use std::fmt::Write as _;

use super::number::coordinate;

/// Text made safe for HTML and XML, in element content and in quoted
/// attributes. Control characters that XML forbids are dropped.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{0}'..='\u{1f}' | '\u{7f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
    }
    out
}

/// Which point of a text stands at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        }
    }
}

/// An SVG picture while it is written.
#[derive(Clone, Debug)]
pub struct Svg {
    body: String,
    title: String,
    width: f64,
    open: usize,
}

impl Svg {
    /// An empty picture of this width. The title is read to people who cannot see it.
    #[must_use]
    pub fn new(width: f64, title: &str) -> Self {
        Svg { body: String::new(), title: title.to_string(), width, open: 0 }
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: [f64; 2], to: [f64; 2]) {
        let [x1, y1] = from.map(coordinate);
        let [x2, y2] = to.map(coordinate);
        let _ = writeln!(self.body, r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#);
    }

    /// A rectangle: left, top, width, height. `tip` is shown on hovering; empty for none.
    pub fn rect(&mut self, class: &str, [x, y, w, h]: [f64; 4], tip: &str) {
        let [x, y, w, h] = [x, y, w.max(0.0), h.max(0.0)].map(coordinate);
        let start = format!(r#"<rect class="{class}" x="{x}" y="{y}" width="{w}" height="{h}""#);
        self.shape("rect", &start, tip);
    }

    /// A circle.
    pub fn circle(&mut self, class: &str, [x, y]: [f64; 2], radius: f64, tip: &str) {
        let [x, y, r] = [x, y, radius].map(coordinate);
        self.shape("circle", &format!(r#"<circle class="{class}" cx="{x}" cy="{y}" r="{r}""#), tip);
    }

    /// A path from data made by [`Path`].
    pub fn path(&mut self, class: &str, path: &Path, tip: &str) {
        if !path.data.is_empty() {
            self.shape("path", &format!(r#"<path class="{class}" d="{}""#, path.data), tip);
        }
    }

    /// A line through points, which stay in the picture's text one by one.
    pub fn polyline(&mut self, class: &str, points: &[[f64; 2]], tip: &str) {
        let mut list = String::new();
        for [x, y] in points.iter().map(|p| p.map(coordinate)) {
            let _ = write!(list, "{}{x},{y}", if list.is_empty() { "" } else { " " });
        }
        self.shape("polyline", &format!(r#"<polyline class="{class}" points="{list}""#), tip);
    }

    /// A text, escaped.
    pub fn text(&mut self, class: &str, [x, y]: [f64; 2], anchor: Anchor, text: &str) {
        let [x, y] = [x, y].map(coordinate);
        let _ = writeln!(
            self.body,
            r#"<text class="{class}" x="{x}" y="{y}" text-anchor="{}">{}</text>"#,
            anchor.name(),
            escape(text)
        );
    }

    /// A text that reads upwards, around its middle.
    pub fn text_upwards(&mut self, class: &str, [x, y]: [f64; 2], text: &str) {
        let [x, y] = [x, y].map(coordinate);
        let _ = writeln!(
            self.body,
            r#"<text class="{class}" transform="translate({x} {y}) rotate(-90)" text-anchor="middle">{}</text>"#,
            escape(text)
        );
    }

    /// Begins a group. Every group is ended by [`Svg::end`].
    pub fn group(&mut self, class: &str) {
        self.open += 1;
        let _ = writeln!(self.body, r#"<g class="{class}">"#);
    }

    /// Ends the group that was begun last.
    pub fn end(&mut self) {
        if self.open > 0 {
            self.open -= 1;
            self.body.push_str("</g>\n");
        }
    }

    /// Draws something that is drawn elsewhere again. Returns the name for
    /// [`Svg::again`], which follows from what is drawn.
    pub fn shared(&mut self, draw: impl FnOnce(&mut Svg)) -> String {
        let mut part = Svg::new(self.width, "");
        draw(&mut part);
        // FNV-1a: names have to differ where pictures on one page do, no more.
        let hash = part
            .body
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let name = format!("p{hash:016x}");
        let _ = writeln!(self.body, r#"<g id="{name}">"#);
        self.body += &part.body;
        self.body.push_str("</g>\n");
        name
    }

    /// The same as [`Svg::shared`] drew, moved by so much.
    pub fn again(&mut self, name: &str, [x, y]: [f64; 2]) {
        let [x, y] = [x, y].map(coordinate);
        let _ = writeln!(self.body, r##"<use href="#{name}" x="{x}" y="{y}"/>"##);
    }

    /// The finished picture, of this height.
    #[must_use]
    pub fn finish(mut self, height: f64) -> String {
        while self.open > 0 {
            self.end();
        }
        let [w, h] = [self.width, height].map(|v| coordinate(v.ceil()));
        let title = escape(&self.title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" \
             height=\"{h}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n{}</svg>\n",
            self.body
        )
    }

    fn shape(&mut self, tag: &str, start: &str, tip: &str) {
        if tip.is_empty() {
            let _ = writeln!(self.body, "{start}/>");
        } else {
            let _ = writeln!(self.body, "{start}><title>{}</title></{tag}>", escape(tip));
        }
    }
}

fn in_tenths(x: f64) -> i64 {
    // What is no number stands at the edge; what is far outside stays there.
    if x.is_finite() { (x.clamp(-1e6, 1e6) * 10.0).round() as i64 } else { 0 }
}

/// `-5` → `-.5`, `10` → `1`, `123` → `12.3`.
fn tenths(n: i64) -> String {
    let (sign, whole, rest) = (if n < 0 { "-" } else { "" }, n.abs() / 10, n.abs() % 10);
    match (whole, rest) {
        (whole, 0) => format!("{}{whole}", if whole == 0 { "" } else { sign }),
        (0, rest) => format!("{sign}.{rest}"),
        (whole, rest) => format!("{sign}{whole}.{rest}"),
    }
}

/// The data of a path, in tenths of a pixel. A line says how far it goes, not
/// where it ends: a page has tens of thousands of them, and most are short.
#[derive(Clone, Debug, Default)]
pub struct Path {
    data: String,
    /// Where the pen is, in tenths. Rounded places are what distances are
    /// taken between, so errors do not add up.
    pen: [i64; 2],
    /// Whether a line has been drawn since the pen was put down.
    drawn: bool,
}

impl Path {
    /// Lifts the pen and puts it down here.
    pub fn move_to(&mut self, place: [f64; 2]) {
        self.pen = place.map(in_tenths);
        let [x, y] = self.pen.map(tenths);
        let _ = write!(self.data, "M{x}{}{y}", if y.starts_with('-') { "" } else { " " });
        self.drawn = false;
    }

    /// Draws a straight line to here.
    pub fn line_to(&mut self, place: [f64; 2]) {
        let to = place.map(in_tenths);
        let [x, y] = [to[0] - self.pen[0], to[1] - self.pen[1]];
        let _ = match [x, y] {
            // A dot, if nothing else comes.
            [0, 0] if self.drawn => Ok(()),
            [x, 0] => write!(self.data, "h{}", tenths(x)),
            [0, y] => write!(self.data, "v{}", tenths(y)),
            [x, y] => write!(self.data, "l{}{}{}", tenths(x), if y < 0 { "" } else { " " }, tenths(y)),
        };
        (self.pen, self.drawn) = (to, true);
    }

    /// Closes the shape.
    pub fn close(&mut self) {
        self.data.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_how_far() {
        let mut path = Path::default();
        path.move_to([0.04, -3.0]);
        // Ten steps of a third: each is rounded, their sum is not.
        (1..=10).for_each(|i| path.line_to([f64::from(i) / 3.0, -3.0]));
        path.line_to([3.333, -2.46]);
        path.line_to([3.333, -2.46]);
        path.line_to([3.0, -12.5]);
        path.close();
        assert_eq!(path.data, "M0-3h.3h.4h.3h.3h.4h.3h.3h.4h.3h.3v.5l-.3-10Z");
        let mut dot = Path::default();
        dot.move_to([f64::INFINITY, 1.0]);
        dot.line_to([0.0, 1.0]);
        assert_eq!(dot.data, "M0 1h0");
    }

    #[test]
    fn hostile_text_stays_text() {
        let mut svg = Svg::new(100.0, "<script>\"quoted\" & \u{1b}[31m'");
        svg.group("g");
        svg.text("t", [f64::NAN, 2.0], Anchor::Middle, "</text><script>alert(1)</script>");
        let out = svg.finish(50.0);
        let document = roxmltree::Document::parse(&out).expect("well formed");
        assert!(!out.contains("<script"));
        assert!(!out.contains("NaN"));
        let text = document.descendants().find(|n| n.has_tag_name("text")).and_then(|n| n.text());
        assert_eq!(text, Some("</text><script>alert(1)</script>"));
    }
}
