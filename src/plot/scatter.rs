//! Feature vectors on a plane, coloured by class and by cluster.

use ndarray::ArrayView2;
use plotters::style::Color;

use super::axes::{Axes, Axis, Margins};
use super::canvas::Canvas;
use super::figure::Figure;
use super::style::{text_width, Align, SMALL, UNIT};
use crate::cluster::Contingency;
use crate::error::{Error, Result};

/// Points drawn at most: more would make a large file and no clearer picture.
const MOST: usize = 1500;

/// A point: where it is, and its colour in the panel.
struct Panel {
    name: &'static str,
    /// Colour number of each point.
    groups: Vec<usize>,
    /// Colours and what they are called.
    names: Vec<(usize, String)>,
}

/// Two maps of the same points (points x 2, as [`crate::cluster::pca`] makes them): coloured by class and, where
/// clusters are given, by cluster. `names` are the classes'. Of many points every so-manieth is drawn, and the figure
/// says of how many.
///
/// # Errors
/// [`Error::Parameter`] when there are no points, when a point has no class or cluster, or a class no name.
pub fn scatter_map(
    points: ArrayView2<f64>,
    classes: &[u8],
    clusters: Option<&[usize]>,
    names: &[String],
) -> Result<Figure> {
    let n = points.nrows();
    if n == 0 || points.ncols() != 2 || points.iter().any(|v| !v.is_finite()) {
        let found = format!("{n} of {}", points.ncols());
        return Err(Error::parameter("points", "finite points of two coordinates", found));
    }
    if classes.len() != n || clusters.is_some_and(|c| c.len() != n) {
        return Err(Error::parameter(
            "classes",
            format!("a class and a cluster for each of {n} points"),
            classes.len(),
        ));
    }
    if let Some(&nameless) = classes.iter().find(|&&c| usize::from(c) >= names.len()) {
        return Err(Error::parameter("names", format!("a name for class {nameless}"), names.len()));
    }
    let step = n.div_ceil(MOST);
    let kept: Vec<usize> = (0..n).step_by(step).collect();
    let at: Vec<(f64, f64)> = kept.iter().map(|&i| (points[[i, 0]], points[[i, 1]])).collect();
    let by_class = kept.iter().map(|&i| usize::from(classes[i])).collect();
    let mut panels =
        vec![Panel { name: "by class", groups: by_class, names: names.iter().cloned().enumerate().collect() }];
    if let Some(clusters) = clusters {
        // A cluster has the colour of the class it is matched to; one that is left over has a colour of its own.
        let matching = Contingency::new(clusters, classes)?.matching();
        let mut spare = names.len()..;
        let colours: Vec<usize> =
            matching.iter().map(|class| class.or_else(|| spare.next()).unwrap_or_default()).collect();
        let groups = kept.iter().map(|&i| colours[clusters[i]]).collect();
        let cluster = |(number, &colour): (usize, &usize)| (colour, format!("cluster {number}"));
        let mut names: Vec<_> = colours.iter().enumerate().map(cluster).collect();
        names.sort();
        panels.push(Panel { name: "by cluster", groups, names });
    }
    let width = 460 * panels.len() as u32;
    let title = if step > 1 {
        format!("Map of features: {} of {n} points", kept.len())
    } else {
        format!("Map of features: {n} points")
    };
    Ok(Figure::new(title, (width, 480), move |canvas, top| {
        let share = canvas.size.0 / panels.len() as i32;
        for (i, panel) in panels.iter().enumerate() {
            draw(&canvas.part(i as i32 * share, share), top, &at, panel)?;
        }
        Ok(())
    }))
}

fn draw(canvas: &Canvas, top: i32, points: &[(f64, f64)], panel: &Panel) -> Result<()> {
    let theme = canvas.theme;
    let legend = 24 * UNIT;
    let x = Axis::numbers(points.iter().map(|p| p.0), panel.name);
    let y = Axis::numbers(points.iter().map(|p| p.1), "");
    let axes = Axes::draw(canvas, top + legend, x, y, Margins::default())?;
    for (point, &group) in points.iter().zip(&panel.groups) {
        canvas.dot(axes.at(point.0, point.1), 5, theme.series(group).mix(0.75))?;
    }
    let ((mut x, _), (right, _)) = axes.corners;
    let y = top + legend / 2 + 2 * UNIT;
    for (group, name) in &panel.names {
        let width = text_width(name, SMALL, false) + 26 * UNIT;
        if x + width > right + 10 * UNIT {
            break;
        }
        canvas.dot((x + 5 * UNIT, y), 4 * UNIT, theme.series(*group))?;
        canvas.text(name, (x + 12 * UNIT, y), SMALL, theme.ink(), Align::Left)?;
        x += width;
    }
    Ok(())
}
