//! The kinds of figures, a file each.

mod bars;
mod boxes;
mod heat;
mod images;
mod lines;
mod network;
mod regret;
mod scatter;
mod surface;
mod training;
mod trend;
mod weights;

pub use bars::{grouped_bars, grouped_bars_of};
pub use boxes::{
    box_plot, box_plot_of, box_plot_ranked, cluster_box_plot, cluster_box_plot_ranked, comparison_box_plot,
    comparison_box_plot_of,
};
pub use heat::{confusion_matrix, heat_map, heat_map_of};
pub use images::{feature_maps, filters, sample_grid};
pub use lines::{band_plot, difference_plot, effective_rank_plot, error_bar_plot, gain_plot, Over};
pub use network::architecture;
pub use regret::regret_plot;
pub use scatter::scatter_map;
pub use surface::{surface, surface_of};
pub use training::learning_curve;
pub use trend::trend_plot;
pub use weights::weights_plot;
