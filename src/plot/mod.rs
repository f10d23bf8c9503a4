//! Figures: what result files, networks and images look like.
//!
//! Each function here makes a [`Figure`], a value that draws itself when it is shown or saved: inline where it ends a
//! cell of a notebook, with [`Figure::save`] as SVG or PNG otherwise. Figures of one kind look alike across data sets.
//! Colours can be told apart by the colour-blind (Okabe and Ito 2008; cividis, Nuñez et al. 2018), and no font needs
//! to be installed.

mod axes;
mod canvas;
mod charts;
mod figure;
mod fonts;
mod legend;
mod palette;
mod png;
mod shown;
mod style;

pub use charts::{
    architecture, band_plot, box_plot, box_plot_of, box_plot_ranked, cluster_box_plot, cluster_box_plot_ranked,
    comparison_box_plot, comparison_box_plot_of, confusion_matrix, difference_plot, effective_rank_plot,
    error_bar_plot, feature_maps, filters, gain_plot, grouped_bars, grouped_bars_of, heat_map, heat_map_of,
    learning_curve, regret_plot, sample_grid, scatter_map, surface, surface_of, trend_plot, weights_plot, Over,
};
pub use figure::Figure;
pub use shown::{Illustrated, ShowSamples};
pub use style::{AxisScale, Palette, Theme};
