"""CLEVR-like worlds: placing, showing and painting scenes, questions as programs, held-out pairs.

| what | module |
|---|---|
| the generators | `hope` (with `complex_tests`, `minimal_tests`, `holdouts`), `clevr` |
| what an object can be; a scene, its camera, who stands where | `kinds`, `world` |
| where objects may stand; the second solver of relations and visibility | `placing`, `second_look` |
| camera and rays; what every painter shares | `rays`, `studio` |
| the built-in painter; Mitsuba's | `raster` (with `shading`), `photo` (with `denoising`) |
| programs and their executor; the 90 templates | `programs`, `templates` |
| finding a question with a wanted answer; its words | `asking` (with `searching`), `wording` |
| the second solver of questions, which reads English | `reading` (with `grammar`, `lexicon`) |
| what prompts are told; words nobody has read | `telling`, `vocabulary` |
| scene files in CLEVR's schema | `clevr_json` |
"""
