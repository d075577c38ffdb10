//! Pictures into faces and embeddings, held to the numbers of two other implementations.

use vision::{Chip, DetectOptions, FaceEngine};

use crate::setup::{Golden, distance_to, engine, picture};

#[test]
fn scratch() {
    let golden = Golden::read();
    let mut engine = engine();
    let pixels: Vec<u8> = (0..150u32)
        .flat_map(|y| {
            (0..150u32).flat_map(move |x| (0..3u32).map(move |c| ((3 * x + 5 * y + 40 * c) % 256) as u8))
        })
        .collect();
    let chip = Chip::from_rgb(150, pixels).unwrap();
    let e = engine.encode(&[chip]).unwrap().remove(0);
    let worst = e
        .values()
        .iter()
        .zip(&golden.synthetic_chip.dlib_encoding)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    println!("synthetic worst {worst:e}");
    for (name, g) in &golden.photos {
        let p = picture(name);
        assert_eq!((p.original_width(), p.original_height()), (g.width, g.height));
        let faces = engine.detect(&p, &DetectOptions::default()).unwrap();
        println!("{name}: {} faces, golden {}", faces.len(), g.mtcnn.len());
        let chip = engine.align(&p, &g.mtcnn[0].landmarks());
        let e = engine.encode(&[chip]).unwrap().remove(0);
        println!(
            "   warp from golden landmarks: {:.4} proto, {:.4} dlib",
            distance_to(&e, &g.mtcnn[0].encoding),
            g.dlib.first().map_or(9.0, |d| distance_to(&e, &d.encoding))
        );
        for f in &faces {
            let chip = engine.align(&p, &f.landmarks);
            let e = engine.encode(&[chip]).unwrap().remove(0);
            let d: f32 = f
                .landmarks
                .points()
                .iter()
                .zip(g.mtcnn[0].landmarks().points())
                .map(|(a, b)| a.distance(b))
                .fold(0.0, f32::max);
            println!(
                "   face {:?} conf {:.4} golden {:?} landmarks off {d:.2}: {:.4} proto, {:.4} dlib",
                f.bounding_box,
                f.confidence,
                g.mtcnn[0].bounds,
                distance_to(&e, &g.mtcnn[0].encoding),
                g.dlib.first().map_or(9.0, |d| distance_to(&e, &d.encoding))
            );
            println!("   {:?}", f.quality);
        }
    }
}
