//! `cutpoint stats`: tests, ranks and answers from result files.

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};

use cutpoint::cluster::{Algorithm, ClusterScore};
use cutpoint::error::Result;
use cutpoint::results::ResultFile;
use cutpoint::stats::{
    all_pairs, best, best_table, by_layer, check_settings_comparable, compare, compare_table, cut_name, load_studies,
    load_together, not_compared, percent, pooled_trend, published_ranks, rank_table, trend, uneven, weights,
    weights_table, wilcoxon_table, Groups, Measure, Rule, Summary, LEVEL,
};

use crate::results::{clusterings, Form, Only, Repeats, Studies};
use crate::say;

/// Tests, ranks and answers from result files, published ones too. No model is touched.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand)]
enum Question {
    /// Wilcoxon's signed-rank test of every pair of cuts, over repeats: baselines and cuts of one experiment.
    Wilcoxon(Tested),
    /// The published ranking of cuts; it depends on the order of comparisons, `best` does not.
    Ranks(Tested),
    /// The best cut at every percentage, and the cuts that cannot be told from it after Holm's correction.
    Best(Tested),
    /// Layers by how well their features cluster: the tests of every pair, over repeats.
    Layers {
        /// A file of clusterings.
        file: PathBuf,
        /// ari, accuracy, precision, recall, nmi or silhouette.
        #[arg(long, default_value_t = ClusterScore::Ari)]
        score: ClusterScore,
        /// Rows of this algorithm.
        #[arg(long, default_value_t = Algorithm::Average)]
        algorithm: Algorithm,
        /// pairs: Wilcoxon's test of every pair of layers; ranks: as published; best: the best layer, and those that
        /// cannot be told from it.
        #[arg(long, value_enum, default_value_t = LayerQuestion::Pairs)]
        ask: LayerQuestion,
        /// The rule of the tests; see `wilcoxon`.
        #[arg(long, default_value_t = Rule::SciPy)]
        rule: Rule,
        #[command(flatten)]
        repeats: Repeats,
        #[command(flatten)]
        form: Form,
    },
    /// Fewer parameters: accuracy against the weights that each cut keeps and trains, settings such as FR, F and FT
    /// together.
    Weights {
        /// Result files of several settings of one study.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        only: Only,
        #[command(flatten)]
        form: Form,
    },
    /// Two experiments, such as FR and FT, at every percentage and cut that both have.
    Compare {
        /// A result file of the first experiment.
        first: PathBuf,
        /// A result file of the second one.
        second: PathBuf,
        #[command(flatten)]
        only: Only,
        #[command(flatten)]
        tests: Tests,
        #[command(flatten)]
        form: Form,
    },
    /// Median with confidence interval, mean, standard deviation, quartiles and extremes of every percentage and cut.
    Summary {
        /// Result files of one experiment.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// test_acc, train_acc, val_acc, epochs or seconds; published files have the first two.
        #[arg(long, default_value_t)]
        measure: Measure,
        /// The level of the confidence intervals, between 0 and 1.
        #[arg(long, default_value_t = LEVEL)]
        level: f64,
        #[command(flatten)]
        only: Only,
        #[command(flatten)]
        form: Form,
    },
    /// Whether the best cut falls as data grows: in one study, or in several, each of which is a block.
    Trend {
        #[command(flatten)]
        studies: Studies,
        #[command(flatten)]
        form: Form,
    },
}

/// What is asked of layers.
#[derive(Clone, Copy, ValueEnum)]
enum LayerQuestion {
    Pairs,
    Ranks,
    Best,
}

#[derive(clap::Args)]
struct Tested {
    /// Result files of one experiment.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    only: Only,
    #[command(flatten)]
    tests: Tests,
    #[command(flatten)]
    form: Form,
}

#[derive(clap::Args)]
struct Tests {
    /// test_acc, train_acc or val_acc.
    #[arg(long, default_value_t)]
    measure: Measure,
    /// scipy: as SciPy decides today about ties, zeros and small samples; published: as SciPy 1.7 did.
    #[arg(long, default_value_t = Rule::SciPy)]
    rule: Rule,
    #[command(flatten)]
    repeats: Repeats,
}

impl Tested {
    /// The groups to test, and what there is to say of them.
    fn read(&self) -> Result<(Groups, Vec<String>)> {
        let file = self.only.of(load_together(&self.files)?)?;
        let groups = Groups::of(&file.records, self.tests.measure)?;
        let mut notes = uneven(&groups);
        let (groups, left_out) = self.tests.repeats.of(groups)?;
        notes.extend(left_out);
        Ok((groups, notes))
    }
}

pub fn run(args: Args) -> Result<()> {
    match args.question {
        Question::Wilcoxon(tested) => {
            let (groups, notes) = tested.read()?;
            tested.form.print(&wilcoxon_table(&all_pairs(&groups, tested.tests.rule)?), &notes)
        }
        Question::Ranks(tested) => {
            let (groups, notes) = tested.read()?;
            tested.form.print(&rank_table(&published_ranks(&groups, &all_pairs(&groups, tested.tests.rule)?)), &notes)
        }
        Question::Best(tested) => {
            let (groups, notes) = tested.read()?;
            tested.form.print(&best_table(&best(&groups, tested.tests.rule)?), &notes)
        }
        Question::Layers { file, score, algorithm, ask, rule, repeats, form } => {
            let groups = by_layer(&clusterings(&file, algorithm)?, score)?;
            let (groups, left_out) = repeats.of(groups)?;
            let table = match ask {
                LayerQuestion::Pairs => wilcoxon_table(&all_pairs(&groups, rule)?),
                LayerQuestion::Ranks => rank_table(&published_ranks(&groups, &all_pairs(&groups, rule)?)),
                LayerQuestion::Best => best_table(&best(&groups, rule)?),
            };
            form.print(&table, &left_out)
        }
        Question::Weights { files, only, form } => {
            let studies = load_studies(&files)?.into_iter().map(|(name, file)| Ok((name, only.of(file)?)));
            form.print(&weights_table(&weights(&studies.collect::<Result<Vec<_>>>()?)?), &[])
        }
        Question::Compare { first, second, only, tests, form } => against(&first, &second, &only, &tests, &form),
        Question::Summary { files, measure, level, only, form } => {
            let file = only.of(load_together(&files)?)?;
            let table = Summary::of(&file.records, measure, level)?.numbers();
            let table = if measure == Measure::TestAcc { table.note(test_images(&file)) } else { table };
            form.print(&table, &uneven(&Groups::new(&file.records)?))
        }
        Question::Trend { studies: asked, form } => {
            let (studies, left_out) = asked.load()?;
            let [(_, groups)] = &studies[..] else {
                let pooled = pooled_trend(&studies, asked.with_baseline)?;
                form.print(&pooled.table(), &left_out)?;
                return if form.is_text() { say(format!("\n{}", pooled.tests())) } else { Ok(()) };
            };
            let trend = trend(groups, asked.with_baseline)?;
            if !form.is_text() {
                return form.print(&trend.table(), &left_out);
            }
            left_out.iter().try_for_each(say)?;
            say(trend)
        }
    }
}

fn test_images(file: &ResultFile) -> String {
    format!("test accuracy on {}", file.measured_on())
}

fn against(first: &Path, second: &Path, only: &Only, tests: &Tests, form: &Form) -> Result<()> {
    let (a, b) = (only.of(ResultFile::load(first)?)?, only.of(ResultFile::load(second)?)?);
    check_settings_comparable((first, &a), (second, &b))?;
    let of = |file: &ResultFile| Groups::of(&file.records, tests.measure);
    let (mut x, mut y, mut notes) = (of(&a)?, of(&b)?, Vec::new());
    if tests.repeats.common_repeats {
        (x, y, notes) = x.common_with(&y)?;
    }
    let alone = not_compared(&x, &y);
    if !alone.is_empty() {
        let places = alone.iter().map(|&(percentage, cut)| format!("{} at {}", cut_name(cut), percent(percentage)));
        notes.push(format!("only in one of them: {}", places.collect::<Vec<_>>().join(", ")));
    }
    let rows = compare(&x, &y, tests.rule)?;
    let files = [first, second].map(|path| path.display().to_string());
    let names = match (a.params.setting()?, b.params.setting()?) {
        (one, other) if one != other => [one, other].map(|setting| setting.to_string()),
        _ => files.clone(),
    };
    let table = compare_table(&rows, &names[0], &names[1]);
    // Settings are no names of files.
    let table = if names == files { table } else { table.note(format!("{} against {}", files[0], files[1])) };
    form.print(&table, &notes)
}
