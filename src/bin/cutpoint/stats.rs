//! `cutpoint stats`: tests, ranks and answers from result files.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{json, Value};

use cutpoint::error::Result;
use cutpoint::params::SETTING_KEYS;
use cutpoint::stats::{all_pairs, best, compare, published_ranks, Groups, Rule, Wilcoxon, ALPHA};

use crate::results::{check_comparable, cut_name, load_together, percent};
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
    Wilcoxon(Common),
    /// The published ranking of cuts; it depends on the order of comparisons, `best` does not.
    Ranks(Common),
    /// The best cut at every percentage, and the cuts that cannot be told from it after Holm's correction.
    Best(Common),
    /// Two experiments, such as FR and FT, at every percentage and cut that both have.
    Compare {
        /// A result file of the first experiment.
        first: PathBuf,
        /// A result file of the second one.
        second: PathBuf,
        #[command(flatten)]
        form: Form,
    },
}

#[derive(clap::Args)]
struct Common {
    /// Result files of one experiment.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    form: Form,
}

#[derive(clap::Args)]
struct Form {
    /// scipy: as SciPy decides today about ties, zeros and small samples; published: as SciPy 1.7 did.
    #[arg(long, default_value_t = Rule::SciPy)]
    rule: Rule,
    /// Comma-separated, in the form of the published tables.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// A JSON list with every number.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy)]
enum Style {
    Table,
    Csv,
    Json,
}

impl Form {
    fn style(&self) -> Style {
        match (self.csv, self.json) {
            (true, _) => Style::Csv,
            (_, true) => Style::Json,
            _ => Style::Table,
        }
    }
}

/// Prints rows in the style asked for: a header and lines of cells, or JSON objects.
fn print(style: Style, header: &[&str], rows: impl IntoIterator<Item = (Vec<String>, Value)>) -> Result<()> {
    let rows: Vec<_> = rows.into_iter().collect();
    match style {
        Style::Csv => {
            say(header.join(","))?;
            rows.iter().try_for_each(|(cells, _)| say(cells.join(",")))
        }
        Style::Json => {
            say(format!("[\n {}\n]", rows.iter().map(|(_, v)| v.to_string()).collect::<Vec<_>>().join(",\n ")))
        }
        Style::Table => {
            let width = |i: usize| rows.iter().map(|(c, _)| c[i].len()).chain([header[i].len()]).max().unwrap_or(0);
            let widths: Vec<usize> = (0..header.len()).map(width).collect();
            let line = |cells: Vec<&str>| {
                let padded = cells.iter().zip(&widths).map(|(c, w)| format!("{c:>w$}"));
                say(padded.collect::<Vec<_>>().join("  "))
            };
            line(header.to_vec())?;
            rows.iter().try_for_each(|(cells, _)| line(cells.iter().map(String::as_str).collect()))
        }
    }
}

pub fn run(args: Args) -> Result<()> {
    match args.question {
        Question::Wilcoxon(common) => pairs(&common),
        Question::Ranks(common) => ranks(&common),
        Question::Best(common) => answers(&common),
        Question::Compare { first, second, form } => against(first, second, &form),
    }
}

fn groups(files: &[PathBuf]) -> Result<Groups> {
    Groups::new(&load_together(files)?.records)
}

fn test_json(test: &Wilcoxon, holm: f64) -> Value {
    json!({"statistic": test.statistic, "p_value": test.p_value, "holm": holm, "effect_size": test.effect_size(),
           "pairs": test.pairs, "method": format!("{:?}", test.method)})
}

fn with(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn marked(p: f64) -> &'static str {
    if p < ALPHA {
        "*"
    } else {
        ""
    }
}

fn pairs(common: &Common) -> Result<()> {
    let (style, rule) = (common.form.style(), common.form.rule);
    let tests = all_pairs(&groups(&common.files)?, rule)?;
    let json = |t: &cutpoint::stats::PairTest| {
        let head = json!({"percentage": t.percentage, "cut_1": t.cut_1, "cut_2": t.cut_2, "rule": rule.to_string()});
        with(head, test_json(&t.test, t.holm))
    };
    if let Style::Csv = style {
        let row = |t: &cutpoint::stats::PairTest| {
            let (p, statistic) = (format!("{:?}", t.percentage), format!("{:.0}", t.test.statistic.trunc()));
            let cells = vec![p, t.cut_1.to_string(), t.cut_2.to_string(), statistic, format!("{:.6}", t.test.p_value)];
            (cells, Value::Null)
        };
        return print(style, &["percentage", "cut_1", "cut_2", "statistic", "p_value"], tests.iter().map(row));
    }
    let row = |t: &cutpoint::stats::PairTest| {
        let cells = vec![
            percent(t.percentage),
            cut_name(t.cut_1),
            cut_name(t.cut_2),
            format!("{}", t.test.statistic),
            format!("{:.6}{:1}", t.test.p_value, marked(t.test.p_value)),
            format!("{:.6}{:1}", t.holm, marked(t.holm)),
            format!("{:+.2}", t.test.effect_size()),
        ];
        (cells, json(t))
    };
    if let Style::Table = style {
        say(format!("Wilcoxon's signed-rank test over repeats, rule {rule}; * below {ALPHA}; effect: above 0 where the first cut is better"))?;
    }
    print(style, &["data", "first", "second", "statistic", "p", "p (Holm)", "effect"], tests.iter().map(row))
}

fn ranks(common: &Common) -> Result<()> {
    let (style, rule) = (common.form.style(), common.form.rule);
    let groups = groups(&common.files)?;
    let ranks = published_ranks(&groups, &all_pairs(&groups, rule)?);
    let csv = matches!(style, Style::Csv);
    let row = |r: &cutpoint::stats::Rank| {
        let cells = match csv {
            true => vec![format!("{:?}", r.percentage), r.cut.to_string(), format!("{:?}", r.mean), r.raw.to_string()],
            false => vec![percent(r.percentage), cut_name(r.cut), format!("{:.4}", r.mean), r.rank.to_string()],
        };
        (
            cells,
            json!({"percentage": r.percentage, "cut": r.cut, "mean_test_acc": r.mean, "raw_rank": r.raw,
                       "rank": r.rank, "rule": rule.to_string()}),
        )
    };
    let header = if csv { ["percentage", "cut", "mean_test_acc", "rank"] } else { ["data", "cut", "mean", "rank"] };
    print(style, &header, ranks.iter().map(row))
}

fn answers(common: &Common) -> Result<()> {
    let (style, rule) = (common.form.style(), common.form.rule);
    let answers = best(&groups(&common.files)?, rule)?;
    let row = |b: &cutpoint::stats::Best| {
        let alike = b.alike();
        let names = match style {
            Style::Csv => alike.iter().map(i64::to_string).collect::<Vec<_>>().join(" "),
            _ if alike.is_empty() => "none".to_owned(),
            _ => alike.iter().map(|&c| cut_name(c)).collect::<Vec<_>>().join(", "),
        };
        let cells = match style {
            Style::Csv => vec![format!("{:?}", b.percentage), b.cut.to_string(), format!("{:?}", b.median), names],
            // Few pairs tell nothing, and an empty answer must not look like one.
            _ if b.repeats <= 5 => {
                vec![
                    percent(b.percentage),
                    cut_name(b.cut),
                    format!("{:.4}", b.median),
                    format!("any ({} repeats tell no difference)", b.repeats),
                ]
            }
            _ => vec![percent(b.percentage), cut_name(b.cut), format!("{:.4}", b.median), names],
        };
        let others: Vec<Value> = b.others.iter().map(|(cut, p)| json!({"cut": cut, "holm": p})).collect();
        (
            cells,
            json!({"percentage": b.percentage, "cut": b.cut, "median": b.median, "repeats": b.repeats, "alike": alike, "others": others,
                       "rule": rule.to_string()}),
        )
    };
    let header = match style {
        Style::Csv => ["percentage", "cut", "median_test_acc", "alike"],
        _ => ["data", "best", "median", "cannot be told from it"],
    };
    print(style, &header, answers.iter().map(row))
}

fn against(first: PathBuf, second: PathBuf, form: &Form) -> Result<()> {
    let one = |path: &PathBuf| load_together(std::slice::from_ref(path));
    let (a, b) = (one(&first)?, one(&second)?);
    check_comparable((&first, &a), (&second, &b), &SETTING_KEYS)?;
    let (style, rule) = (form.style(), form.rule);
    let rows = compare(&Groups::new(&a.records)?, &Groups::new(&b.records)?, rule)?;
    let csv = matches!(style, Style::Csv);
    let row = |c: &cutpoint::stats::Comparison| {
        let higher = match c.mean_1.total_cmp(&c.mean_2) {
            std::cmp::Ordering::Greater => "first",
            std::cmp::Ordering::Less => "second",
            std::cmp::Ordering::Equal => "equal",
        };
        let cells = match csv {
            true => vec![
                format!("{:?}", c.percentage),
                c.cut.to_string(),
                format!("{:?}", c.mean_1),
                format!("{:?}", c.mean_2),
                higher.to_owned(),
                format!("{:.0}", c.test.statistic.trunc()),
                format!("{:.6}", c.test.p_value),
            ],
            false => vec![
                percent(c.percentage),
                cut_name(c.cut),
                format!("{:.4}", c.mean_1),
                format!("{:.4}", c.mean_2),
                higher.to_owned(),
                format!("{}", c.test.statistic),
                format!("{:.6}{:1}", c.test.p_value, marked(c.test.p_value)),
            ],
        };
        let head = json!({"percentage": c.percentage, "cut": c.cut, "mean_1": c.mean_1, "mean_2": c.mean_2,
                          "higher": higher, "rule": rule.to_string()});
        (cells, with(head, test_json(&c.test, c.holm)))
    };
    let header = match csv {
        true => ["percentage", "cut", "mean_1", "mean_2", "higher", "statistic", "p_value"],
        false => ["data", "cut", "mean 1", "mean 2", "higher", "statistic", "p"],
    };
    if let Style::Table = style {
        say(format!("first: {}\nsecond: {}\nrule {rule}; * below {ALPHA}", first.display(), second.display()))?;
    }
    print(style, &header, rows.iter().map(row))
}
