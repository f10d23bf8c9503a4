//! Figures: what result files, networks and pictures look like.
//!
//! Each function here makes a [`Figure`], a value that draws itself when it is shown or saved: inline where it ends a
//! cell of a notebook, with [`Figure::save`] as SVG or PNG otherwise. Figures of one kind look alike across data sets.
//! Colours can be told apart by the colour-blind (Okabe and Ito 2008; cividis, Nuñez et al. 2018), and no font needs
//! to be installed.

mod axes;
mod bars;
mod boxes;
mod canvas;
mod curves;
mod figure;
mod heat;
mod legend;
mod network;
mod pictures;
mod png;
mod scatter;
mod style;
mod surface;

pub use bars::grouped_bars;
pub use boxes::{box_plot, box_plot_ranked, cluster_box_plot, comparison_box_plot, experiment, Ranking};
pub use curves::{
    band_plot, difference_plot, effective_rank_plot, error_bar_plot, gain_plot, learning_curve, Over, Series,
};
pub use figure::Figure;
pub use heat::{confusion_matrix, heat_map};
pub use network::architecture;
pub use pictures::{feature_maps, filters, sample_grid};
pub use scatter::scatter_map;
pub use style::Theme;
pub use surface::surface;
