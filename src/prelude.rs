//! What a notebook or a program on this crate needs: `use cutpoint::prelude::*;`.

// evcxr keeps a variable between cells by writing its type, for which the crates that types come from must have a name.
pub use {ndarray, serde_json, tch};

pub use crate::cluster::{
    pca, tsne, Algorithm, ClusterFile, ClusterRecord, ClusterScore, ClusterSweep, FeatureTable, Features, Scoring,
};
pub use crate::config::{
    Activation, Augmentation, CutPoint, Device, Fraction, Grid, NetworkConfig, Optimizer, Params, Pooling, Recipe,
    Repeats, Row, Schedule, Setting, SplitConfig, TestSplit, TrainingConfig, PERCENTAGES,
};
pub use crate::data::{
    Dataset, DatasetName, FolderOptions, Images, Phase, Preparation, Samples, Task, TransferLearningWrapper, CIFAR10,
    FASHION_MNIST, GLYPHS, MNIST,
};
pub use crate::error::{Error, Result};
pub use crate::experiment::{
    Evaluation, Experiment, ExperimentResults, ExperimentSweep, ImageStudy, SourceNetwork, Weights,
};
pub use crate::model::{
    Block, Builtin, Checkpoint, Convolutions, CustomCnn, Cut, Layer, LayerOutput, Layers, Model, Network, Padding,
    PoolingKind,
};
pub use crate::notebook::display::Shown;

pub use crate::plot::{
    architecture, band_plot, box_plot, box_plot_of, box_plot_ranked, cluster_box_plot, cluster_box_plot_ranked,
    comparison_box_plot, comparison_box_plot_of, confusion_matrix, difference_plot, effective_rank_plot,
    error_bar_plot, feature_maps, filters, gain_plot, grouped_bars, grouped_bars_of, heat_map, heat_map_of,
    learning_curve, regret_plot, sample_grid, scatter_map, surface, surface_of, trend_plot, weights_plot, AxisScale,
    Figure, Illustrated, Over, Palette, ShowSamples, Theme,
};
pub use crate::results::{Origin, Provenance, Record, ResultFile};
pub use crate::rng::TorchRng;
pub use crate::runtime::progress::{default_sink, Progress, Silent};
pub use crate::runtime::threads as machine;
pub use crate::stats::{
    across, across_table, all_pairs, answer, best, best_cuts_answer, best_table, by_layer, cluster_answer,
    cluster_table, compare, compare_answer, compare_table, gain_answer, gather, judge, judgement_table,
    load_experiment, load_studies, load_together, median, pooled_trend, published_best_cuts, published_ranks,
    rank_table, recommend, score_series, transfer_table, transferability, trend, weights, weights_table,
    wilcoxon_table, with_trends, Across, Case, Centre, Evidence, Groups, Measure, Ranking, Rule, Series, Situation,
    Statistics, Summary, Table,
};
pub use crate::study::{Plan, Profile, Study};
pub use crate::sweep::{fine_tune, FineTuned, Sweep};
pub use crate::train::{classification_report, pretrained, ClassificationReport, Epoch, TrainReport, Trainer};
pub use crate::transfer::{layer_scores, LayerFeatures, Score, TransferFile, TransferSweep, View};
