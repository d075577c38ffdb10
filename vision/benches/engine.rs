//! scratch
use std::time::Instant;
use vision::*;
fn med(n: usize, mut f: impl FnMut()) -> f64 {
    let mut t: Vec<f64> = (0..n)
        .map(|_| {
            let i = Instant::now();
            f();
            i.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    t.sort_by(f64::total_cmp);
    t[n / 2]
}
fn main() {
    let home = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../.faceql");
    let pack = Pack::load(&home.join("packs/standard")).unwrap();
    let mut e = EmbeddedEngine::load(&home.join("lib/libonnxruntime.so"), &pack, 1).unwrap();
    e.warm_up().unwrap();
    let bytes = std::fs::read(home.join("photos/obama.jpg")).unwrap();
    let limits = ImageLimits { max_bytes: 1 << 30, max_pixels: 1 << 30 };
    let p = Picture::decode(&bytes, &limits).unwrap();
    println!(
        "decode {:.2}",
        med(21, || {
            Picture::decode(&bytes, &limits).unwrap();
        })
    );
    println!(
        "header {:.4}",
        med(21, || {
            ImageHeader::read(&bytes, &limits).unwrap();
        })
    );
    println!(
        "detect {:.2}",
        med(101, || {
            e.detect(&p, &DetectOptions::default()).unwrap();
        })
    );
    let f = e.detect(&p, &DetectOptions::default()).unwrap().remove(0);
    println!(
        "align {:.3}",
        med(101, || {
            e.align(&p, &f.landmarks);
        })
    );
    let c = e.align(&p, &f.landmarks);
    println!(
        "encode {:.2}",
        med(101, || {
            e.encode(std::slice::from_ref(&c)).unwrap();
        })
    );
    for f in [
        fast_image_resize::FilterType::Box,
        fast_image_resize::FilterType::Bilinear,
        fast_image_resize::FilterType::Hamming,
    ] {
        for alg in [
            fast_image_resize::ResizeAlg::Convolution(f),
            fast_image_resize::ResizeAlg::Interpolation(f),
            fast_image_resize::ResizeAlg::SuperSampling(f, 2),
        ] {
            let mut r = fast_image_resize::Resizer::new();
            let mut dst = fast_image_resize::images::Image::new(512, 640, fast_image_resize::PixelType::U8x3);
            println!(
                "resize {alg:?} {:.3}",
                med(51, || {
                    let src = fast_image_resize::images::ImageRef::new(
                        p.width(),
                        p.height(),
                        p.pixels(),
                        fast_image_resize::PixelType::U8x3,
                    )
                    .unwrap();
                    r.resize(&src, &mut dst, &fast_image_resize::ResizeOptions::new().resize_alg(alg))
                        .unwrap();
                })
            );
        }
    }
    let c4 = vec![c.clone(), c.clone(), c.clone(), c.clone()];
    println!(
        "encode4 {:.2}",
        med(51, || {
            e.encode(&c4).unwrap();
        })
    );
}
