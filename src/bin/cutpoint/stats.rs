//! `cutpoint stats`: tests, ranks and answers from result files.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use cutpoint::error::Result;
use cutpoint::results::ResultFile;
use cutpoint::stats::{
    all_pairs, best, best_table, check_settings_comparable, compare, compare_table, cut_name, load_studies,
    load_together, not_compared, percent, pooled_trend, published_ranks, rank_table, trend, wilcoxon_table, Groups,
    Measure, Rule, Summary, LEVEL,
};

use crate::results::Form;
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
    /// Two experiments, such as FR and FT, at every percentage and cut that both have.
    Compare {
        /// A result file of the first experiment.
        first: PathBuf,
        /// A result file of the second one.
        second: PathBuf,
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
        form: Form,
    },
    /// Whether the best cut falls as data grows: in one study, or in several, each of which is a block.
    Trend {
        /// Result files of one study or of several, each with at least three percentages.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Count the baseline as a cut below cut 0.
        #[arg(long)]
        with_baseline: bool,
        #[command(flatten)]
        repeats: Repeats,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
struct Tested {
    /// Result files of one experiment.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    tests: Tests,
    #[command(flatten)]
    form: Form,
}

#[derive(clap::Args)]
struct Tests {
    /// scipy: as SciPy decides today about ties, zeros and small samples; published: as SciPy 1.7 did.
    #[arg(long, default_value_t = Rule::SciPy)]
    rule: Rule,
    #[command(flatten)]
    repeats: Repeats,
}

#[derive(clap::Args)]
struct Repeats {
    /// Where cuts differ in their repeats, as in an unfinished sweep, use those that all have, and say what is left out.
    #[arg(long)]
    common_repeats: bool,
}

impl Repeats {
    /// The groups to work with, and what was left out of those given.
    fn of(&self, groups: Groups) -> Result<(Groups, Vec<String>)> {
        match self.common_repeats {
            true => groups.common_repeats(),
            false => Ok((groups, Vec::new())),
        }
    }

    fn read(&self, files: &[PathBuf]) -> Result<(Groups, Vec<String>)> {
        self.of(Groups::new(&load_together(files)?.records)?)
    }
}

pub fn run(args: Args) -> Result<()> {
    match args.question {
        Question::Wilcoxon(Tested { files, tests, form }) => {
            let (groups, left_out) = tests.repeats.read(&files)?;
            form.print(&wilcoxon_table(&all_pairs(&groups, tests.rule)?), &left_out)
        }
        Question::Ranks(Tested { files, tests, form }) => {
            let (groups, left_out) = tests.repeats.read(&files)?;
            form.print(&rank_table(&published_ranks(&groups, &all_pairs(&groups, tests.rule)?)), &left_out)
        }
        Question::Best(Tested { files, tests, form }) => {
            let (groups, left_out) = tests.repeats.read(&files)?;
            form.print(&best_table(&best(&groups, tests.rule)?), &left_out)
        }
        Question::Compare { first, second, tests, form } => against(&first, &second, &tests, &form),
        Question::Summary { files, measure, level, form } => {
            let file = load_together(&files)?;
            let table = Summary::of(&file.records, measure, level)?.numbers();
            let table = if measure == Measure::TestAcc { table.note(test_pictures(&file)) } else { table };
            form.print(&table, &[])
        }
        Question::Trend { files, with_baseline, repeats, form } => {
            let mut left_out = Vec::new();
            let mut studies = Vec::new();
            for (name, file) in load_studies(&files)? {
                let (groups, more) = repeats.of(Groups::new(&file.records)?)?;
                left_out.extend(more.into_iter().map(|line| format!("{name}: {line}")));
                studies.push((name, groups));
            }
            let [(_, groups)] = &studies[..] else {
                let pooled = pooled_trend(&studies, with_baseline)?;
                form.print(&pooled.table(), &left_out)?;
                return if form.is_text() { say(format!("\n{}", pooled.tests())) } else { Ok(()) };
            };
            let trend = trend(groups, with_baseline)?;
            if !form.is_text() {
                return form.print(&trend.table(), &left_out);
            }
            left_out.iter().try_for_each(say)?;
            say(trend)
        }
    }
}

fn test_pictures(file: &ResultFile) -> String {
    format!("test accuracy on {}", file.measured_on())
}

fn against(first: &Path, second: &Path, tests: &Tests, form: &Form) -> Result<()> {
    let (a, b) = (ResultFile::load(first)?, ResultFile::load(second)?);
    check_settings_comparable((first, &a), (second, &b))?;
    let (mut x, mut y, mut notes) = (Groups::new(&a.records)?, Groups::new(&b.records)?, Vec::new());
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
