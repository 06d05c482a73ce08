//! Small matrices as text.

/// A number of a lesson: whole numbers without a point, others with up to three digits.
pub(super) fn number(x: f64) -> String {
    if x == x.trunc() && x.abs() < 1e9 {
        format!("{x:.0}")
    } else {
        let text = format!("{x:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    }
}

/// Grids with more rows or columns than this are not drawn.
pub(super) const LARGEST: usize = 16;

/// Rows of numbers in columns of one width.
pub(super) fn matrix(rows: &[Vec<f64>]) -> Vec<String> {
    let cells: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|x| number(*x)).collect()).collect();
    let width = cells.iter().flatten().map(String::len).max().unwrap_or(1);
    let line = |row: &Vec<String>| row.iter().map(|c| format!("{c:>width$}")).collect::<Vec<_>>().join("  ");
    cells.iter().map(line).collect()
}

/// An input inside its padding (`·`), with the cells that one window reads in
/// brackets.
pub(super) fn window(
    rows: &[Vec<f64>],
    [top, left]: [usize; 2],
    [bottom, right]: [usize; 2],
    inside: impl Fn(usize, usize) -> bool,
) -> Vec<String> {
    let (height, width) = (rows.len(), rows.first().map_or(0, Vec::len));
    let digits = rows.iter().flatten().map(|x| number(*x).len()).max().unwrap_or(1);
    (0..top + height + bottom)
        .map(|y| {
            (0..left + width + right)
                .map(|x| {
                    let cell = match (y.checked_sub(top), x.checked_sub(left)) {
                        (Some(r), Some(c)) if r < height && c < width => number(rows[r][c]),
                        _ => "·".into(),
                    };
                    let pad = " ".repeat(digits - cell.chars().count().min(digits));
                    if inside(y, x) { format!("{pad}[{cell}]") } else { format!("{pad} {cell} ") }
                })
                .collect::<String>()
        })
        .collect()
}

/// Blocks of lines side by side.
pub(super) fn beside(blocks: &[Vec<String>]) -> Vec<String> {
    let rows = blocks.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = blocks
        .iter()
        .map(|b| b.iter().map(|l| unicode_width::UnicodeWidthStr::width(l.as_str())).max().unwrap_or(0))
        .collect();
    (0..rows)
        .map(|i| {
            let mut line = String::new();
            for (block, width) in blocks.iter().zip(&widths) {
                let text = block.get(i).map_or("", String::as_str);
                let pad = width - unicode_width::UnicodeWidthStr::width(text);
                line.push_str(text);
                line.push_str(&" ".repeat(pad + 4));
            }
            line.trim_end().to_string()
        })
        .collect()
}
