//! Cutting a source network for a target task.

use super::cnn::{flat_size, linear_layers, Block, CustomCnn};
use super::layers::Affine;
use crate::config::{CutPoint, Params, Setting};
use crate::error::{Error, Result};
use crate::rng::TorchRng;

/// Where a source network is cut and what happens on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// How many blocks are before the cut; or the baseline: everything re-initialised and trained, whatever the setting.
    pub point: CutPoint,
    /// What happens before and after it.
    pub setting: Setting,
    /// With two linear layers, both are new; otherwise only the last one is.
    pub reinit_both_dense: bool,
}

impl Cut {
    /// The cut at `point`, which may be given by its number, with a study's settings.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the number is below -1, or the settings are no setting of the study. Whether the point is
    /// beyond a network, [`CutPoint::check`] and the network that is cut say.
    pub fn new(params: &Params, point: impl Into<i64>) -> Result<Cut> {
        let point = CutPoint::try_from(point.into())?;
        Ok(Cut { point, setting: params.setting()?, reinit_both_dense: params.reinit_both_dense })
    }

    /// The cut that computes the same as this one in a network of `depth` convolutions: the baseline, cut 0 with
    /// everything re-initialised, and cuts after the last convolution coincide across settings.
    pub fn canonical(self, depth: usize) -> Cut {
        use CutPoint::{After, Baseline};
        let everything_new = Cut { point: After(0), setting: Setting::FR, ..self };
        match (self.point, self.setting) {
            (Baseline, _) => Cut { reinit_both_dense: true, ..everything_new },
            (After(0), Setting::FR | Setting::R) => everything_new,
            (After(n), Setting::F | Setting::FT) if n == depth => Cut { setting: Setting::FR, ..self },
            (After(n), Setting::R) if n == depth => Cut { setting: Setting::Keep, ..self },
            (_, Setting::Keep) => Cut { point: After(depth), ..self },
            (After(0), Setting::F) => Cut { point: After(depth), setting: Setting::Keep, ..self },
            _ => self,
        }
    }
}

impl CustomCnn {
    /// A network for `output_dim` classes made of this one. Layers after the cut are re-initialised in order, then
    /// the linear layers, with numbers drawn after seeding with `repeat`; see the settings for what is frozen, kept
    /// or removed.
    ///
    /// # Errors
    /// [`Error::Parameter`] when the cut is beyond the network, or when only the last linear layer is to be new but
    /// the hidden one no longer fits what is left of the network.
    pub fn cut(&self, cut: Cut, output_dim: usize, repeat: u64) -> Result<CustomCnn> {
        let depth = self.depth();
        cut.point.check(depth)?;
        let setting = if cut.point.is_baseline() { Setting::FR } else { cut.setting };
        let point = cut.point.kept();
        let mut rng = TorchRng::new(repeat);
        let mut new = self.deep_clone()?;
        if setting.truncate() {
            new.blocks.truncate(point);
        } else if setting.reinit() {
            for block in &mut new.blocks[point..] {
                let conv = Affine::init(&block.conv.weight.size(), &mut rng, self.device)?;
                *block = Block { conv, pools: block.pools };
            }
        }
        new.frozen = if setting.freeze() { point } else { 0 };
        for (i, block) in new.blocks.iter_mut().enumerate() {
            block.conv.set_trainable(i >= new.frozen);
        }
        let flat = flat_size(self.input_shape, &new.blocks, self.kernel_size, self.pooling_stride)?;
        match &self.hidden {
            Some(hidden) if !cut.reinit_both_dense && !cut.point.is_baseline() => {
                let inputs = hidden.weight.size()[1] as usize;
                if inputs != flat {
                    let found = format!("false, with {flat} inputs where the hidden layer has {inputs}");
                    return Err(Error::parameter("reinit_both_dense", "true after this cut", found));
                }
                new.last = linear_layers(hidden.bias.numel(), None, output_dim, &mut rng, self.device)?.1;
            }
            hidden => {
                let hidden_dim = hidden.as_ref().map(|h| h.bias.numel());
                (new.hidden, new.last) = linear_layers(flat, hidden_dim, output_dim, &mut rng, self.device)?;
            }
        }
        new.rng = rng;
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Device;

    fn source() -> CustomCnn {
        let params = Params { device: Device::Cpu, depth: 4, num_channels: 8, ..Params::default() };
        CustomCnn::new(&params, 5, [1, 8, 8]).unwrap()
    }

    fn at(number: i64, setting: Setting, reinit_both_dense: bool) -> Cut {
        Cut { point: CutPoint::try_from(number).unwrap(), setting, reinit_both_dense }
    }

    fn cut(point: i64, setting: Setting) -> CustomCnn {
        source().cut(at(point, setting, true), 3, 7).unwrap()
    }

    /// Which convolutions have the source's weights, and which are trained.
    fn kept_and_trained(net: &CustomCnn) -> (Vec<bool>, Vec<bool>) {
        let source = source();
        let kept = net.blocks.iter().zip(&source.blocks).map(|(a, b)| a.conv.weight == b.conv.weight);
        (kept.collect(), net.blocks.iter().map(|b| b.conv.weight.requires_grad()).collect())
    }

    #[test]
    fn each_setting_keeps_and_trains_what_its_name_says() {
        let (y, n) = (true, false);
        for (setting, kept, trained) in [
            (Setting::FR, vec![y, y, n, n], vec![n, n, y, y]),
            (Setting::F, vec![y, y, y, y], vec![n, n, y, y]),
            (Setting::R, vec![y, y, n, n], vec![y, y, y, y]),
            (Setting::Keep, vec![y, y, y, y], vec![y, y, y, y]),
            (Setting::FT, vec![y, y], vec![n, n]),
        ] {
            assert_eq!(kept_and_trained(&cut(2, setting)), (kept, trained), "{setting}");
            let baseline = kept_and_trained(&cut(-1, setting));
            assert_eq!(baseline, (vec![n; 4], vec![y; 4]), "baseline of {setting}");
        }
        assert_eq!(cut(0, Setting::FT).shape_before(0).unwrap(), [1, 8, 8]);
        assert_eq!(cut(0, Setting::FT).last.weight.size(), [3, 64]);
    }

    #[test]
    fn cuts_with_one_canonical_form_are_one_network() {
        for setting in Setting::ALL {
            for point in -1..=4 {
                let cut_here = at(point, setting, true);
                let (a, b) = (cut_here, cut_here.canonical(4));
                let (a, b) = (source().cut(a, 3, 7).unwrap(), source().cut(b, 3, 7).unwrap());
                assert_eq!(a.state_dict(), b.state_dict(), "{setting} at {point}");
                assert_eq!(a.trainable(), b.trainable(), "{setting} at {point}");
                assert_eq!(a.rng, b.rng, "{setting} at {point}");
            }
        }
        let distinct = |setting| {
            let cuts = (-1..=4).map(|point| at(point, setting, true).canonical(4));
            cuts.fold(Vec::new(), |mut all: Vec<Cut>, c| {
                if !all.contains(&c) {
                    all.push(c);
                }
                all
            })
        };
        let counts: Vec<usize> = Setting::ALL.into_iter().map(|s| distinct(s).len()).collect();
        assert_eq!(counts, [5, 6, 5, 2, 6]);
    }

    #[test]
    fn two_linear_layers_are_renewed_as_asked() {
        let params = Params {
            device: Device::Cpu,
            depth: 2,
            num_channels: 3,
            two_linear_layers: true,
            hidden_dim_lin: 6,
            ..Params::default()
        };
        let source = CustomCnn::new(&params, 5, [1, 8, 8]).unwrap();
        let cut = |point, setting, both| source.cut(at(point, setting, both), 3, 7);
        let hidden = |net: &CustomCnn| net.hidden.as_ref().unwrap().weight.shallow_clone();
        assert_eq!(hidden(&cut(1, Setting::FR, false).unwrap()), hidden(&source));
        assert_ne!(hidden(&cut(1, Setting::FR, true).unwrap()), hidden(&source));
        assert_eq!(cut(0, Setting::FT, true).unwrap().hidden.unwrap().weight.size(), [6, 64]);
        let error = cut(0, Setting::FT, false).unwrap_err().to_string();
        assert!(error.contains("`reinit_both_dense`"), "{error}");
        assert!(cut(3, Setting::FR, true).unwrap_err().to_string().contains("`cut`"));
    }
}
