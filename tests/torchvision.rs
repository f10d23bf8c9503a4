//! Networks with torchvision's own random weights, in files that it wrote, give what it gives.
//!
//! The files have 1.6 GB and are not at hand, so `cargo test` leaves this out: `make test-torchvision` makes them with
//! `networks/make.py --save` in the folder that CUTPOINT_TORCHVISION names, and runs it.

#[path = "networks/compare.rs"]
mod compare;

use std::path::Path;

use compare::{compare, new, uniform, IMAGES, SIDE};
use cutpoint::model::{Builtin, Checkpoint};
use cutpoint::rng::TorchRng;
use serde_json::Value;

#[test]
fn files_that_torchvision_wrote_give_what_it_gives() {
    let folder =
        std::env::var_os("CUTPOINT_TORCHVISION").expect("CUTPOINT_TORCHVISION, the folder of torchvision's files");
    let folder = Path::new(&folder);
    let expected: Value = serde_json::from_slice(&std::fs::read(folder.join("networks.json")).unwrap()).unwrap();
    tch::set_num_threads(1);
    let images = uniform(&mut TorchRng::new(1), &[IMAGES, 3, SIDE as i64, SIDE as i64], -2.0, 2.0);
    for which in Builtin::ALL {
        let mut network = new(which);
        let weights = Checkpoint::load(folder.join(format!("{which}.pth"))).unwrap();
        network.load_state_dict(&weights.tensors).unwrap();
        compare(which, &network, &images, &expected[which.to_string()]);
    }
}
