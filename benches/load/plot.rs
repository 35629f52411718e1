//! Plots as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 45.0;
const TOP: f64 = 40.0;
const COLORS: [&str; 4] = ["#1f6feb", "#8c959f", "#cf222e", "#9a6700"];

/// Groups of bars on a logarithmic scale: for each group, one value per series, or NaN.
pub fn bars(title: &str, series: &[String], groups: &[(String, Vec<f64>)]) -> String {
    let all = || {
        groups
            .iter()
            .flat_map(|(_, values)| values.iter().copied())
            .filter(|value| value.is_finite())
    };
    let low = all().fold(f64::MAX, f64::min).log10().floor();
    let high = all().fold(f64::MIN, f64::max).log10().ceil().max(low + 1.0);
    let (width, height) = (2.0 * WIDTH, HEIGHT + 60.0);
    let floor = height - BOTTOM;
    let y = |value: f64| floor - (value.log10() - low) / (high - low) * (floor - TOP);
    let mut svg = open(width, height);
    text(&mut svg, width / 2.0, 20.0, "middle", title);
    for decade in low as i32..=high as i32 {
        let value = 10f64.powi(decade);
        line(
            &mut svg,
            (LEFT, y(value)),
            (width - 10.0, y(value)),
            "#d0d7de",
        );
        text(&mut svg, LEFT - 6.0, y(value) + 4.0, "end", &short(value));
    }
    let step = (width - LEFT - 10.0) / groups.len().max(1) as f64;
    let bar = step / (series.len() as f64 + 1.0);
    for (g, (name, values)) in groups.iter().enumerate() {
        let left = LEFT + step * g as f64;
        text(&mut svg, left + step / 2.0, floor + 16.0, "middle", name);
        for (s, value) in values.iter().enumerate() {
            let x = left + bar * (s as f64 + 0.5);
            if value.is_nan() {
                text(&mut svg, x + bar * 0.45, floor - 4.0, "middle", "-");
                continue;
            }
            let _ = writeln!(
                svg,
                "<rect x='{x:.1}' y='{:.1}' width='{:.1}' height='{:.1}' fill='{}'/>",
                y(*value),
                bar * 0.9,
                (floor - y(*value)).max(0.0),
                COLORS[s % COLORS.len()]
            );
            text(
                &mut svg,
                x + bar * 0.45,
                y(*value) - 4.0,
                "middle",
                &short(*value),
            );
        }
    }
    for (s, name) in series.iter().enumerate() {
        let x = LEFT + 120.0 * s as f64;
        let color = COLORS[s % COLORS.len()];
        let top = height - 18.0;
        let _ = writeln!(
            svg,
            "<rect x='{x}' y='{top}' width='10' height='10' fill='{color}'/>"
        );
        text(&mut svg, x + 15.0, top + 9.0, "start", name);
    }
    svg + "</svg>\n"
}

/// One panel of [`lines`].
pub struct Panel {
    /// The quantity on the vertical axis.
    pub title: String,
    /// The quantity on the horizontal axis.
    pub x: &'static str,
    pub points: Vec<(f64, f64)>,
}

/// Panels in two columns, each with its points and the least-squares line.
pub fn lines(panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(2) as f64;
    let mut svg = open(2.0 * WIDTH, rows * HEIGHT);
    for (i, panel) in panels.iter().enumerate() {
        let (left, top) = ((i % 2) as f64 * WIDTH, (i / 2) as f64 * HEIGHT);
        let _ = writeln!(svg, "<g transform='translate({left},{top})'>");
        panel.draw(&mut svg);
        svg += "</g>\n";
    }
    svg + "</svg>\n"
}

impl Panel {
    fn draw(&self, svg: &mut String) {
        let right = self.points.iter().map(|p| p.0).fold(1.0, f64::max);
        let high = self.points.iter().map(|p| p.1).fold(1e-9, f64::max) * 1.1;
        let floor = HEIGHT - BOTTOM;
        let at = |(x, y): (f64, f64)| {
            (
                LEFT + x / right * (WIDTH - LEFT - 20.0),
                floor - y / high * (floor - TOP),
            )
        };
        text(svg, WIDTH / 2.0, 20.0, "middle", &self.title);
        text(svg, WIDTH / 2.0, HEIGHT - 8.0, "middle", self.x);
        for tick in 0..=4 {
            let part = f64::from(tick) / 4.0;
            let (x, y) = at((right * part, high * part));
            line(svg, (LEFT, y), (WIDTH - 20.0, y), "#d0d7de");
            text(svg, LEFT - 6.0, y + 4.0, "end", &short(high * part));
            text(svg, x, floor + 16.0, "middle", &short(right * part));
        }
        let (slope, start) = least_squares(&self.points);
        line(
            svg,
            at((0.0, start)),
            at((right, start + slope * right)),
            COLORS[0],
        );
        for &point in &self.points {
            let (x, y) = at(point);
            let _ = writeln!(
                svg,
                "<circle cx='{x:.1}' cy='{y:.1}' r='4' fill='{}'/>",
                COLORS[0]
            );
        }
    }
}

/// Slope and value at 0 of the line through the points.
pub fn least_squares(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len() as f64;
    let mean = |value: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / n;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let above: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    let below: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let slope = if below > 0.0 { above / below } else { 0.0 };
    (slope, y - slope * x)
}

fn open(width: f64, height: f64) -> String {
    format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' \
         font-family='sans-serif' font-size='12'>\n\
         <rect width='{width}' height='{height}' fill='white'/>\n"
    )
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    let _ = writeln!(
        svg,
        "<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}'>{words}</text>"
    );
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), color: &str) {
    let _ = writeln!(
        svg,
        "<line x1='{:.1}' y1='{:.1}' x2='{:.1}' y2='{:.1}' stroke='{color}'/>",
        from.0, from.1, to.0, to.1
    );
}

fn short(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 || v.fract() == 0.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}
