//! `cutpoint plot`: figures to files.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use ndarray::Array2;
use serde_json::Value;

use cutpoint::cluster::{pca, tsne, Algorithm, ClusterScore};
use cutpoint::config::{CutPoint, Setting};
use cutpoint::data::TransferLearningWrapper;
use cutpoint::error::{Error, Result};
use cutpoint::experiment::{Experiment, SourceNetwork};
use cutpoint::plot::{self, AxisScale, Figure, Over, Palette, Theme};
use cutpoint::results::ResultFile;
use cutpoint::stats::{
    check_settings_comparable, experiment_name, load_studies, load_together, pooled_trend, published_best_cuts,
    weights, Centre, Groups, Measure, Ranking, Rule, Series, Statistics,
};
use cutpoint::train::Epoch;

use crate::args::{Machine, Network, Source};
use crate::results::{clusterings, Only, Studies};
use crate::tell;

/// Draw a figure of result files, published ones too, or of a study's images and network, as SVG or PNG.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// Test accuracy by percentage and cut: a box each, coloured by rank.
    Box {
        #[command(flatten)]
        files: Files,
        /// test_acc, train_acc or val_acc.
        #[arg(long, default_value_t)]
        measure: Measure,
        /// sound: 1 + the cuts that are significantly better; published: as published.
        #[arg(long, default_value_t = Ranking::Sound)]
        ranking: Ranking,
    },
    /// The box plot of one experiment, hatched where it is significantly higher or lower than another.
    Compare {
        /// A result file of the first experiment.
        first: PathBuf,
        /// A result file of the second one.
        second: PathBuf,
        #[command(flatten)]
        only: Only,
        /// test_acc, train_acc or val_acc.
        #[arg(long, default_value_t)]
        measure: Measure,
        /// Whose ranks colour the boxes; see `box`.
        #[arg(long, default_value_t = Ranking::Sound)]
        ranking: Ranking,
        /// The rule of the tests that hatching shows; see `cutpoint stats compare`.
        #[arg(long, default_value_t = Rule::SciPy)]
        rule: Rule,
        /// Compare the repeats that both experiments have, and say which are left out.
        #[arg(long)]
        common_repeats: bool,
        #[command(flatten)]
        out: Out,
    },
    /// A clustering score by percentage and layer: a box each.
    Cluster {
        /// A file of clustering results.
        file: PathBuf,
        /// ari, accuracy, precision, recall, nmi or silhouette.
        #[arg(long, default_value_t = ClusterScore::Ari)]
        score: ClusterScore,
        /// Rows of this algorithm.
        #[arg(long, default_value_t = Algorithm::Average)]
        algorithm: Algorithm,
        /// Whose ranks colour the boxes; see `box`.
        #[arg(long, default_value_t = Ranking::Sound)]
        ranking: Ranking,
        #[command(flatten)]
        out: Out,
    },
    /// The difference of each cut to the baseline, over percentages.
    Difference(Files),
    /// Lines of means with standard deviations.
    ErrorBars {
        #[command(flatten)]
        files: Files,
        /// What is on the horizontal axis.
        #[arg(long, value_enum, default_value_t = Across::Percentage)]
        over: Across,
    },
    /// Lines of means with bands from the lowest value to the highest.
    Bands {
        #[command(flatten)]
        files: Files,
        /// What is on the horizontal axis.
        #[arg(long, value_enum, default_value_t = Across::Percentage)]
        over: Across,
    },
    /// Medians written into a field for each percentage and cut.
    Heat {
        #[command(flatten)]
        files: Files,
        /// What is measured: test_acc, train_acc, val_acc, epochs or seconds.
        #[arg(long, default_value_t = Measure::TestAcc)]
        measure: Measure,
        /// median or mean.
        #[arg(long, default_value_t)]
        of: Centre,
    },
    /// Bars of medians: a group for each percentage, a bar for each cut.
    Bars {
        #[command(flatten)]
        files: Files,
        /// median, with quartiles, or mean, with the standard deviation.
        #[arg(long, default_value_t)]
        of: Centre,
    },
    /// Medians as a surface over cuts and percentages.
    Surface {
        #[command(flatten)]
        files: Files,
        /// What is measured: test_acc, train_acc, val_acc, epochs or seconds.
        #[arg(long, default_value_t = Measure::TestAcc)]
        measure: Measure,
        /// median or mean.
        #[arg(long, default_value_t)]
        of: Centre,
        /// The baseline as well, beside cut 0.
        #[arg(long)]
        with_baseline: bool,
        /// Fractions at their logarithms, not at equal distances.
        #[arg(long)]
        logarithmic: bool,
    },
    /// Accuracy against weights: settings of one study beside each other, by the weights that each cut
    /// keeps and trains.
    Weights {
        /// Result files of several settings of one study, such as FR, F and FT.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// The fraction of the data; unless given, every one, side by side.
        #[arg(long)]
        percentage: Option<f64>,
        #[command(flatten)]
        out: Out,
    },
    /// The best cut of several studies by the fraction of the data, a panel each, with its slope; beside it the
    /// published cuts of studies of that name.
    Trend {
        #[command(flatten)]
        studies: Studies,
        #[command(flatten)]
        out: Out,
    },
    /// The course of a training, from the line that `cutpoint finetune --trace` prints.
    Curve {
        /// A file with that line.
        file: PathBuf,
        #[command(flatten)]
        out: Out,
    },
    /// Training images of each class of a study's target task.
    Samples {
        #[command(flatten)]
        of: OfStudy,
        /// Images of each class.
        #[arg(long, default_value_t = 10)]
        count: usize,
    },
    /// The layers of a study's network; with --cut those of a cut one.
    Architecture {
        #[command(flatten)]
        of: OfStudy,
        /// Cut the network for the target task.
        #[arg(long, allow_negative_numbers = true)]
        cut: Option<i64>,
        /// The setting of the cut.
        #[arg(long, default_value = "FR")]
        setting: Setting,
    },
    /// The source network's first filters.
    Filters(OfStudy),
    /// What the source network's convolutions make of one target image.
    FeatureMaps {
        #[command(flatten)]
        of: OfStudy,
        /// Which of the training images, from 0.
        #[arg(long, alias = "picture", default_value_t = 0)]
        image: usize,
    },
    /// The effective rank of each layer's weights: the source network's, beside its initial one.
    EffectiveRank(OfStudy),
    /// Which classes the source network takes for which, on the source task's test images.
    Confusion(OfStudy),
    /// One layer's features on a plane, coloured by class and by cluster.
    Map {
        #[command(flatten)]
        of: OfStudy,
        /// Which convolution, from 0. Unless given: the last one.
        #[arg(long)]
        layer: Option<usize>,
        /// Fraction of the target training data.
        #[arg(long, default_value_t = 0.05)]
        percentage: f64,
        /// How clusters are made.
        #[arg(long, default_value_t = Algorithm::Average)]
        algorithm: Algorithm,
        /// t-SNE instead of principal components.
        #[arg(long)]
        tsne: bool,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Across {
    Percentage,
    Cut,
}

#[derive(clap::Args)]
struct Files {
    /// Result files of one experiment: baselines_*.json, cuts_*.json.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    only: Only,
    /// Of each percentage, take the repeats that all cuts have, and say which are left out: for an unfinished sweep.
    #[arg(long)]
    common_repeats: bool,
    #[command(flatten)]
    out: Out,
}

/// Where a figure goes, and how it looks.
#[derive(clap::Args)]
struct Out {
    /// The file to write, .svg or .png; give it again for another.
    #[arg(short, long, required = true, value_name = "FILE")]
    output: Vec<PathBuf>,
    /// Another title.
    #[arg(long)]
    title: Option<String>,
    /// Width and height in pixels, as 900x500; each from 120 to 8000.
    #[arg(long, value_name = "WxH")]
    size: Option<String>,
    /// Light ink on a dark ground.
    #[arg(long)]
    dark: bool,
    /// The lowest and the highest value of vertical axes, as 0.5,1.
    #[arg(long, value_name = "LOW,HIGH", value_delimiter = ',', num_args = 2, allow_negative_numbers = true)]
    limits: Option<Vec<f64>>,
    /// Vertical axes at the logarithms of their values.
    #[arg(long)]
    log_scale: bool,
    /// Colours of series: okabe-ito, tol or steps, from dark to light.
    #[arg(long, default_value_t)]
    palette: Palette,
}

#[derive(clap::Args)]
struct OfStudy {
    /// The study, as for `cutpoint sweep`.
    study: String,
    /// Source weights. Unless given: pretrained_models/<FOLDER>/<SPLIT>_classes.safetensors
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    out: Out,
}

impl Out {
    fn save(&self, mut figure: Figure) -> Result<()> {
        if let Some(title) = &self.title {
            figure = figure.title(title.as_str());
        }
        if let Some(size) = &self.size {
            let wrong = || Error::Parameter {
                name: "size",
                expected: "a size such as 900x500, each from 120 to 8000".into(),
                found: size.clone(),
            };
            let (width, height) = size.split_once('x').ok_or_else(wrong)?;
            let side = |s: &str| {
                let side = s.trim().parse::<u32>().map_err(|_| wrong())?;
                if (120..=8000).contains(&side) {
                    Ok(side)
                } else {
                    Err(wrong())
                }
            };
            figure = figure.size(side(width)?, side(height)?);
        }
        if self.dark {
            figure = figure.theme(Theme::Dark);
        }
        if let Some([low, high]) = self.limits.as_deref() {
            if low >= high {
                let expected = "a low and a higher value, as 0.5,1".to_owned();
                return Err(Error::Parameter { name: "limits", expected, found: format!("{low},{high}") });
            }
            figure = figure.limits(*low, *high);
        }
        if self.log_scale {
            figure = figure.scale(AxisScale::Logarithmic);
        }
        figure = figure.palette(self.palette);
        for path in &self.output {
            figure.save(path)?;
            tell(format!("wrote {}", path.display()));
        }
        Ok(())
    }
}

impl Files {
    fn load(&self) -> Result<ResultFile> {
        let results = self.only.of(load_together(&self.files)?)?;
        if !self.common_repeats {
            return Ok(results);
        }
        let (results, left_out) = results.common_repeats()?;
        left_out.iter().for_each(tell);
        Ok(results)
    }
}

impl Across {
    fn lines(self, results: &ResultFile) -> Result<(Vec<Series>, Over)> {
        Ok(match self {
            Across::Percentage => (Series::by_cut(results)?, Over::Percentage),
            Across::Cut => (Series::by_percentage(results)?, Over::Cut),
        })
    }
}

/// A study's data, and its source network.
struct Loaded {
    exp: Experiment,
    data: TransferLearningWrapper,
    source: SourceNetwork,
}

impl OfStudy {
    /// Loads the data; the network keeps its initial weights.
    fn load(&self) -> Result<Loaded> {
        self.out.output.iter().try_for_each(|path| cutpoint::util::files::check_writable(path))?;
        let source = Source { network: self.network.clone(), weights: self.weights.clone(), out: None };
        let exp = self.machine.experiment(&self.study, &source)?;
        let data = self.machine.load(&exp)?;
        let source = exp.new_network(&data)?;
        Ok(Loaded { exp, data, source })
    }

    /// The same with the source weights read.
    fn load_trained(&self) -> Result<Loaded> {
        let Loaded { exp, data, .. } = self.load()?;
        let source = exp.read_source_network(&data)?;
        Ok(Loaded { exp, data, source })
    }
}

/// The epochs of a line that `cutpoint finetune --trace` prints.
fn trace(path: &Path) -> Result<Vec<Epoch>> {
    let text = String::from_utf8_lossy(&cutpoint::util::files::read(path)?).into_owned();
    let wrong = |found: String| Error::Format {
        path: path.to_owned(),
        expected: "the JSON that `cutpoint finetune --trace` prints".into(),
        found,
    };
    // The object alone, laid out in any way, or the last line of a log.
    let last = || text.lines().rev().find(|l| l.starts_with('{')).ok_or_else(|| wrong("no object".into()));
    let value: Value = match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(_) => serde_json::from_str(last()?).map_err(|e| wrong(e.to_string()))?,
    };
    let trace = value.get("trace").cloned().ok_or_else(|| wrong("no `trace`".into()))?;
    serde_json::from_value(trace).map_err(|e| wrong(e.to_string()))
}

pub fn run(args: Args) -> Result<()> {
    match args.kind {
        Kind::Box { files, measure, ranking } => files.out.save(plot::box_plot_of(&files.load()?, measure, ranking)?),
        Kind::Compare { first, second, only, measure, ranking, rule, common_repeats, out } => {
            let (mut a, mut b) = (only.of(ResultFile::load(&first)?)?, only.of(ResultFile::load(&second)?)?);
            check_settings_comparable((&first, &a), (&second, &b))?;
            if common_repeats {
                let (x, y, left_out) = Groups::new(&a.records)?.common_with(&Groups::new(&b.records)?)?;
                left_out.iter().for_each(tell);
                (a, b) = (a.only(&x), b.only(&y));
            }
            out.save(plot::comparison_box_plot_of(&a, &b, measure, ranking, rule)?)
        }
        Kind::Cluster { file, score, algorithm, ranking, out } => {
            out.save(plot::cluster_box_plot_ranked(&clusterings(&file, algorithm)?, score, ranking)?)
        }
        Kind::Difference(files) => files.out.save(plot::difference_plot(&files.load()?)?),
        Kind::ErrorBars { files, over } => {
            let results = files.load()?;
            let (lines, over) = over.lines(&results)?;
            let title = format!("Mean test accuracy and standard deviation: {}", experiment_name(&results));
            files.out.save(plot::error_bar_plot(&lines, over, "test accuracy")?.title(title))
        }
        Kind::Bands { files, over } => {
            let results = files.load()?;
            let (lines, over) = over.lines(&results)?;
            let title = format!("Mean test accuracy, from lowest to highest: {}", experiment_name(&results));
            files.out.save(plot::band_plot(&lines, over, "test accuracy")?.title(title))
        }
        Kind::Heat { files, measure, of } => files.out.save(plot::heat_map_of(&files.load()?, measure, of)?),
        Kind::Bars { files, of } => {
            let results = files.load()?;
            let title = format!("{} test accuracy: {}", of.title(), experiment_name(&results));
            files.out.save(plot::grouped_bars_of(&Series::by_cut(&results)?, "test accuracy", of)?.title(title))
        }
        Kind::Surface { files, measure, of, with_baseline, logarithmic } => {
            files.out.save(plot::surface_of(&files.load()?, measure, of, with_baseline, logarithmic)?)
        }
        Kind::Weights { files, percentage, out } => {
            out.save(plot::weights_plot(&weights(&load_studies(&files)?)?, percentage)?)
        }
        Kind::Trend { studies, out } => {
            let (groups, left_out) = studies.load()?;
            left_out.iter().for_each(tell);
            let trends = pooled_trend(&groups, studies.with_baseline)?;
            out.save(plot::trend_plot(&trends, &published_best_cuts())?)
        }
        Kind::Curve { file, out } => out.save(plot::learning_curve(&trace(&file)?)?),
        Kind::Samples { of, count } => of.out.save(plot::sample_grid(&of.load()?.data.target, count)?),
        Kind::Architecture { of, cut, setting } => {
            let Loaded { exp, data, source } = of.load()?;
            let network = match cut {
                Some(cut) => exp.setting(setting).new_network(&data)?.cut(CutPoint::try_from(cut)?, &data.target)?,
                None => source.into_network(),
            };
            of.out.save(plot::architecture(&network)?)
        }
        Kind::Filters(of) => of.out.save(of.load_trained()?.source.filters()?),
        Kind::FeatureMaps { of, image } => {
            let Loaded { data, source, .. } = of.load_trained()?;
            of.out.save(source.feature_maps(&data.target.train, image)?)
        }
        Kind::EffectiveRank(of) => {
            let Loaded { source, .. } = of.load_trained()?;
            let (trained, initial) = (source.effective_ranks()?, source.untrained()?.effective_ranks()?);
            of.out.save(plot::effective_rank_plot(&[("pre-trained", trained), ("initial", initial)])?)
        }
        Kind::Confusion(of) => {
            let Loaded { data, source, .. } = of.load_trained()?;
            of.out.save(source.evaluate(&data.source.test)?.confusion_matrix()?)
        }
        Kind::Map { of, layer, percentage, algorithm, tsne } => map(&of, layer, percentage, algorithm, tsne),
    }
}

fn map(of: &OfStudy, layer: Option<usize>, percentage: f64, algorithm: Algorithm, by_neighbours: bool) -> Result<()> {
    let Loaded { data, source, .. } = of.load_trained()?;
    let layer = layer.unwrap_or(source.depth().saturating_sub(1));
    let features = source.features(&data.reduced_train(percentage, 0)?)?.layer(layer)?;
    let names = data.target.class_names.clone();
    let clusters = algorithm.cluster(features.vectors.view(), names.len(), 0)?;
    let (points, how): (Array2<f64>, String) = if by_neighbours {
        (tsne(features.vectors.view(), 0)?, "t-SNE".to_owned())
    } else {
        let (points, [first, second]) = pca(features.vectors.view())?;
        (points, format!("principal components, {:.0}% + {:.0}% of variance", 100.0 * first, 100.0 * second))
    };
    let figure = plot::scatter_map(points.view(), &features.labels, Some(&clusters), &names)?;
    of.out.save(figure.title(format!("Features of {}: {how}", features.layer)))
}
