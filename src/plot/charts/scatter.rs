//! Feature vectors on a plane, coloured by class and by cluster.

use ndarray::ArrayView2;
use plotters::style::Color;

use crate::cluster::Contingency;
use crate::error::{Error, Result};
use crate::plot::axes::{Axes, Axis, Margins};
use crate::plot::canvas::Canvas;
use crate::plot::figure::Figure;
use crate::plot::legend::{self, Entry};
use crate::plot::style::{Colours, UNIT};

/// Points drawn at most: more would make a large file and no clearer image.
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
        vec![Panel { name: "class", groups: by_class, names: names.iter().cloned().enumerate().collect() }];
    if let Some(clusters) = clusters {
        // A cluster has the colour of the class it is matched to; one that is left over has a colour of its own.
        let matching = Contingency::new(clusters, classes)?.matching();
        let mut spare = names.len()..;
        let colours: Vec<usize> =
            matching.iter().map(|class| class.or_else(|| spare.next()).unwrap_or_default()).collect();
        let groups = kept.iter().map(|&i| colours[clusters[i]]).collect();
        let cluster = |(number, &colour): (usize, &usize)| (colour, number.to_string());
        let names = colours.iter().enumerate().map(cluster).collect();
        panels.push(Panel { name: "cluster", groups, names });
    }
    let width = 460 * panels.len() as u32;
    let title = if step > 1 {
        format!("Map of features: {} of {n} points", kept.len())
    } else {
        format!("Map of features: {n} points")
    };
    let by: Vec<_> = panels.iter().map(|panel| panel.name).collect();
    let description = format!("Points in two directions, coloured by {}", by.join(" and, beside it, by "));
    let figure = Figure::new(title, (width, 480), move |canvas, top| {
        let share = canvas.size.0 / panels.len() as i32;
        let numbers: Vec<usize> = panels.iter().flat_map(|p| p.names.iter().map(|(group, _)| *group)).collect();
        let theme = canvas.theme.for_series(&numbers);
        for (i, panel) in panels.iter().enumerate() {
            draw(&canvas.part(i as i32 * share, share), theme, (i as i32 * share, top), &at, panel)?;
        }
        Ok(())
    });
    Ok(figure.described(description))
}

fn draw(canvas: &Canvas, theme: Colours, (left, top): (i32, i32), points: &[(f64, f64)], panel: &Panel) -> Result<()> {
    let mut entries = vec![Entry::Words(format!("{}:", panel.name))];
    entries.extend(panel.names.iter().map(|(group, name)| Entry::Mark(*group, theme.series(*group), name.clone())));
    let wide = canvas.size.0 - 76 * UNIT;
    let legend = legend::height(&entries, wide);
    legend::draw(canvas, &entries, (left + 60 * UNIT, top), wide)?;
    let x = Axis::numbers(points.iter().map(|p| p.0), "first direction");
    let y = Axis::numbers(points.iter().map(|p| p.1), "second direction");
    let axes = Axes::draw(canvas, top + legend, x, y, Margins::default())?;
    for (point, &group) in points.iter().zip(&panel.groups) {
        canvas.mark(axes.at(point.0, point.1), 5, group, theme.series(group).mix(0.75))?;
    }
    Ok(())
}
