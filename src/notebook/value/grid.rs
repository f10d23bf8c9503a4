//! Items in rows and columns, as PyTorch lays out a tensor (`torch/_tensor_str.py`).

/// The width that rows are broken at, in columns.
const LINE: usize = 80;

/// Items of a grid of any number of dimensions; of a large one only those at its edges.
pub(super) struct Grid<'a> {
    /// The grid's shape.
    pub shape: &'a [usize],
    /// Of a dimension longer than twice this, so many items stand at either end; `None` keeps all.
    pub edge: Option<usize>,
    /// The texts of the items that are kept, row by row; the rows of equally wide ones form columns.
    pub items: &'a [String],
    /// The width of an item.
    pub width: usize,
}

impl Grid<'_> {
    /// The grid in brackets, where `indent` characters stand before it in its first line.
    pub fn text(&self, indent: usize) -> String {
        if self.shape.contains(&0) {
            return "[]".to_owned();
        }
        let mut out = String::new();
        self.write(self.shape, self.items, indent, &mut out);
        out
    }

    fn write(&self, shape: &[usize], items: &[String], indent: usize, out: &mut String) {
        let Some((&length, inner)) = shape.split_first() else {
            out.push_str(&items[0]);
            return;
        };
        let elided = self.edge.filter(|_| kept(length, self.edge) < length);
        let separator = match inner.len() {
            0 => ", ".to_owned(),
            dimensions => format!(",{}{}", "\n".repeat(dimensions), " ".repeat(indent + 1)),
        };
        // PyTorch counts the place of the dots as an item of the row.
        let in_line = (LINE.saturating_sub(indent) / (self.width + 2)).max(1);
        let mut place = 0;
        let mut separate = |out: &mut String| {
            if place > 0 && inner.is_empty() && place % in_line == 0 {
                out.push_str(&format!(",\n{}", " ".repeat(indent + 1)));
            } else if place > 0 {
                out.push_str(&separator);
            }
            place += 1;
        };
        out.push('[');
        for (i, part) in items.chunks(items.len() / kept(length, self.edge)).enumerate() {
            if elided == Some(i) {
                separate(out);
                out.push_str(if inner.is_empty() { " ..." } else { "..." });
            }
            separate(out);
            self.write(inner, part, indent + 1, out);
        }
        out.push(']');
    }
}

/// How many items of a dimension are kept.
pub(super) fn kept(length: usize, edge: Option<usize>) -> usize {
    edge.map_or(length, |edge| length.min(2 * edge))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_stand_around_dots() {
        let items: Vec<String> = [0, 1, 8, 9, 90, 91, 98, 99].iter().map(|i| format!("{i:2}")).collect();
        let grid = Grid { shape: &[2, 10], edge: Some(2), items: &items, width: 2 };
        assert_eq!(grid.text(0), "[[ 0,  1,  ...,  8,  9],\n [90, 91,  ..., 98, 99]]");
    }

    #[test]
    fn what_holds_nothing_is_empty() {
        assert_eq!(Grid { shape: &[3, 0, 2], edge: None, items: &[], width: 1 }.text(0), "[]");
    }
}
