//! Recipes give PyTorch's numbers, to the last digit.
//!
//! `tests/recipes/recipes.json` is what PyTorch 2.11 printed; `tests/recipes/make.py` makes it.

use serde_json::Value;
use tch::{Kind, Tensor};

use super::clip::clip;
use super::loss::loss;
use super::optimizer::{Pace, Updates};
use super::schedule::Rates;
use crate::config::{Optimizer, Recipe};
use crate::rng::TorchRng;

const EXPECTED: &str = include_str!("../../tests/recipes/recipes.json");
const EPOCHS: usize = 30;
const STEPS: usize = 10;
const RATE: f64 = 0.05;

fn recipe(case: &Value) -> Recipe {
    let number = |name: &str| case[name].as_f64();
    let study = Recipe::default();
    Recipe {
        schedule: case["schedule"].as_str().map_or(study.schedule, |s| s.parse().unwrap()),
        warm_up: number("warm_up").unwrap_or(0.0) as usize,
        block_decay: number("block_decay").unwrap_or(1.0),
        clip: number("clip"),
        ..study
    }
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
}

#[test]
fn every_recipe_is_pytorchs_after_three_hundred_steps() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    for case in expected["cases"].as_array().unwrap() {
        let recipe = recipe(case);
        recipe.check(EPOCHS).unwrap();
        let mut rng = TorchRng::new(5);
        let mut draw = |n: usize| Tensor::from_slice(&rng.uniform(n, -1.0, 1.0));
        let mut parameters = [draw(37), draw(11)];
        let name = case["optimizer"].as_str().unwrap();
        let decay = case["weight_decay"].as_f64().unwrap_or(0.0);
        let mut updates = Updates::new(&parameters, Optimizer::named(name, RATE, Some(decay)).unwrap());
        let mut rates = Rates::new(&recipe, vec![RATE * recipe.block_decay, RATE], EPOCHS, STEPS);
        let mut seen = Vec::new();
        for _ in 0..EPOCHS {
            for _ in 0..STEPS {
                let mut gradients: Vec<Tensor> = Vec::new();
                for p in &parameters {
                    let (x, y) = (draw(p.numel()), draw(p.numel()));
                    gradients.push((p * &x - y) * x);
                }
                if let Some(most) = recipe.clip {
                    clip(&mut gradients, most).unwrap();
                }
                let pace = Pace { rates: rates.now(), momentum: rates.momentum() };
                updates.step(&mut parameters, &gradients, &pace).unwrap();
                rates.after_step();
            }
            seen.push(rates.now()[0]);
            rates.after_epoch();
        }
        let what = format!("{name}, weight decay {decay}, {recipe}");
        let known: Vec<f64> = case["rates"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert_eq!(seen, known, "{what}");
        for (parameter, known) in parameters.iter().zip(case["parameters"].as_array().unwrap()) {
            assert_eq!(Vec::<f32>::try_from(parameter).unwrap(), floats(known), "{what}");
        }
    }
}

#[test]
fn smoothed_labels_give_pytorchs_loss_and_gradients() {
    let expected: Value = serde_json::from_str(EXPECTED).unwrap();
    let logits = Tensor::from_slice(&TorchRng::new(9).uniform(30, -3.0, 3.0)).view([6, 5]).set_requires_grad(true);
    let labels = Tensor::arange(6, (Kind::Int64, tch::Device::Cpu)).remainder(5);
    let value = loss(&logits.log_softmax(1, Kind::Float), &labels, 0.1).unwrap();
    assert_eq!(value.double_value(&[]) as f32, expected["smoothed"]["loss"].as_f64().unwrap() as f32);
    let gradient = Tensor::run_backward(&[value], &[&logits], false, false).remove(0).flatten(0, -1);
    assert_eq!(Vec::<f32>::try_from(gradient).unwrap(), floats(&expected["smoothed"]["gradients"]));
}
