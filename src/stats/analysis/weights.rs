//! Fewer parameters: how accurate a cut is, beside how many weights it keeps and trains.

use crate::config::{Params, Setting};
use crate::error::{Error, Result};
use crate::results::ResultFile;
use crate::stats::describe::{median, quantile};
use crate::stats::groups::Groups;
use crate::stats::tests::{wilcoxon, Family, Rule, ALPHA};
use crate::util::numbers::distinct;

/// The numbers of a network's weights, biases among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightCount {
    /// All that the network has.
    pub kept: usize,
    /// Those that are trained on the target data.
    pub trained: usize,
}

/// The weights of a network of these parameters on images of a shape (channels, height, width) with so many target
/// classes, cut after `cut` convolutions under a setting; -1 is the baseline.
///
/// # Errors
/// [`Error::Parameter`] when the network has no such cut, or its poolings leave nothing of the image.
pub fn weight_count(
    params: &Params,
    [channels, height, width]: [usize; 3],
    classes: usize,
    setting: Setting,
    cut: i64,
) -> Result<WeightCount> {
    params.check_cut(cut)?;
    let before = usize::try_from(cut).unwrap_or(0);
    let depth = if setting.truncate() && cut >= 0 { before } else { params.depth };
    let affine = |inputs: usize, outputs: usize| inputs * outputs + outputs;
    let (mut kept, mut frozen, mut inputs, mut size) = (0, 0, channels, [height, width]);
    for layer in 0..depth {
        let window = params.kernel_size * params.kernel_size;
        let weights = affine(inputs * window, params.num_channels);
        kept += weights;
        frozen += if setting.freeze() && layer < before { weights } else { 0 };
        inputs = params.num_channels;
        // An even window loses a pixel: padding is half of it, rounded down.
        size = size.map(|side| (side + 2 * (params.kernel_size / 2) + 1).saturating_sub(params.kernel_size));
        if params.pools_after(layer) {
            size = size.map(|side| side.saturating_sub(2) / params.pooling_stride + 1);
        }
    }
    if size.contains(&0) {
        let found = format!("{height} x {width} and a depth of {}", params.depth);
        return Err(Error::parameter("pooling_every_n_layers", "poolings that leave something of the image", found));
    }
    let features = inputs * size[0] * size[1];
    kept += match params.two_linear_layers {
        true => affine(features, params.hidden_dim_lin) + affine(params.hidden_dim_lin, classes),
        false => affine(features, classes),
    };
    Ok(WeightCount { kept, trained: kept - frozen })
}

/// One cut of one setting at one fraction of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightPoint {
    /// The setting.
    pub setting: Setting,
    /// Fraction of the target training data.
    pub percentage: f64,
    /// Convolutions before the cut.
    pub cut: i64,
    /// Its weights.
    pub weights: WeightCount,
    /// Lower quartile, median and upper quartile of the test accuracy.
    pub quartiles: [f64; 3],
    /// Whether it cannot be told from the highest median of its fraction, of all settings' cuts (Wilcoxon as in SciPy,
    /// Holm-corrected over the comparisons with that one, which was chosen by the same accuracies, so that `false` is said
    /// a little too easily); `None` where repeats are too few to tell, or not the same.
    pub as_good: Option<bool>,
}

/// Several settings of one study: accuracy against weights, by percentage, setting and cut. The baseline is left out.
///
/// # Errors
/// Those of [`Groups::new`] and [`weight_count`]; [`Error::Parameter`] when there is no experiment, when two are of one
/// setting, when they are not of one task, or do not say which data set it is, and when one is of another network than the
/// study's, whose layers its file does not describe.
pub fn weights(studies: &[(String, ResultFile)]) -> Result<Vec<WeightPoint>> {
    let Some((first_name, first)) = studies.first() else {
        return Err(Error::parameter("experiments", "at least one", "none"));
    };
    for (name, results) in studies {
        if let Some(network) = results.provenance().network {
            let expected = "files of the study's network, whose layers they describe";
            return Err(Error::parameter("experiments", expected, format!("{name}: {network}")));
        }
    }
    let shape = image_shape(first)?;
    let mut points = Vec::new();
    let mut samples: Vec<(f64, Vec<u64>, Vec<f64>)> = Vec::new();
    let mut settings: Vec<Setting> = Vec::new();
    for (name, results) in studies {
        let setting = results.params.setting()?;
        if settings.contains(&setting) {
            return Err(Error::parameter(
                "experiments",
                "one file of each setting",
                format!("{name}: {setting} again"),
            ));
        }
        settings.push(setting);
        if let Some((key, ours, theirs)) = first.params.difference(&results.params, &crate::config::SETTING_KEYS) {
            let expected = format!("{key} {ours}, as in {first_name}");
            return Err(Error::parameter("experiments", expected, format!("{theirs} in {name}")));
        }
        let classes = results.params.fine_tune_classes.len();
        for group in Groups::new(&results.without_baseline().records)?.all() {
            let at = |q: f64| quantile(&group.accuracy, q).unwrap_or(f64::NAN);
            points.push(WeightPoint {
                setting,
                percentage: group.percentage,
                cut: group.cut,
                weights: weight_count(&results.params, shape, classes, setting, group.cut)?,
                quartiles: [at(0.25), at(0.5), at(0.75)],
                as_good: None,
            });
            samples.push((group.percentage, group.repeats.clone(), group.accuracy.clone()));
        }
    }
    for percentage in distinct(points.iter().map(|p| p.percentage)) {
        let here: Vec<usize> = (0..points.len()).filter(|&i| points[i].percentage == percentage).collect();
        for (i, verdict) in here.iter().zip(as_good(&here, &samples)?) {
            points[*i].as_good = verdict;
        }
    }
    points.sort_by(|a, b| a.percentage.total_cmp(&b.percentage));
    Ok(points)
}

/// Which of some samples cannot be told from the one with the highest median.
fn as_good(here: &[usize], samples: &[(f64, Vec<u64>, Vec<f64>)]) -> Result<Vec<Option<bool>>> {
    let value = |i: usize| median(&samples[i].2).unwrap_or(f64::NAN);
    let Some(&best) = here.iter().max_by(|&&a, &&b| value(a).total_cmp(&value(b))) else { return Ok(Vec::new()) };
    if here.iter().any(|&i| samples[i].1 != samples[best].1) {
        return Ok(vec![None; here.len()]);
    }
    let pairs: Vec<(&[f64], &[f64])> =
        here.iter().map(|&i| (samples[best].2.as_slice(), samples[i].2.as_slice())).collect();
    let family = Family::new(&pairs);
    if samples[best].1.len() < family.repeats_needed() {
        return Ok(vec![None; here.len()]);
    }
    let tests = pairs.iter().map(|(x, y)| wilcoxon(x, y, Rule::SciPy)).collect::<Result<Vec<_>>>()?;
    let corrected = family.corrected(&tests.iter().map(|t| t.p_value).collect::<Vec<_>>());
    Ok(tests.iter().zip(corrected).map(|(test, p)| Some(!(p < ALPHA && test.effect_size() > 0.0))).collect())
}

/// The shape of a task's images, by the name of its data set: channels, height, width.
fn image_shape(results: &ResultFile) -> Result<[usize; 3]> {
    let name = results.provenance().target_dataset;
    match name.as_deref() {
        Some(name) if name.contains("MNIST") => Ok([1, 28, 28]),
        Some(name) if name.contains("CIFAR") => Ok([3, 32, 32]),
        // The published files are of MNIST and FashionMNIST where they do not say.
        None if !results.states_test_split => Ok([1, 28, 28]),
        found => Err(Error::parameter("target_dataset", "MNIST, FashionMNIST or CIFAR-10", found.unwrap_or("nothing"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Device;
    use crate::model::{CustomCnn, Cut};

    /// The networks themselves, counted.
    #[test]
    fn weights_are_those_of_the_networks() {
        for (depth, channels, two, every, kernel) in [(6, 8, false, 2, 3), (3, 4, true, 1, 3), (4, 4, false, 4, 4)] {
            let params = Params {
                depth,
                num_channels: channels,
                two_linear_layers: two,
                pooling_every_n_layers: every,
                kernel_size: kernel,
                device: Device::Cpu,
                ..Params::default()
            };
            let shape = [1, 28, 28];
            let source = CustomCnn::new(&params, 7, shape).unwrap();
            for setting in [Setting::FR, Setting::F, Setting::FT] {
                for cut in -1..=depth as i64 {
                    let model =
                        source.cut(Cut::new(&params.clone().with_setting(setting), cut).unwrap(), 3, 0).unwrap();
                    let of = |layers: &dyn Fn(&str) -> bool| -> usize {
                        model.state_dict().iter().filter(|(name, _)| layers(name)).map(|(_, t)| t.numel()).sum()
                    };
                    let frozen = |name: &str| {
                        let number = name.strip_prefix("conv").and_then(|n| n.split('.').next()?.parse::<usize>().ok());
                        number.is_some_and(|n| n < model.frozen())
                    };
                    let expected = WeightCount { kept: of(&|_| true), trained: of(&|name| !frozen(name)) };
                    let ours = weight_count(&params, shape, 3, setting, cut).unwrap();
                    assert_eq!(ours, expected, "{setting} {cut} of depth {depth}");
                }
            }
        }
    }
}
