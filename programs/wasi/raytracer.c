// Draws some balls on a chequered floor by ray tracing, and writes the picture as PPM to standard output:
// `raytracer [-t] [WIDTH HEIGHT [SAMPLES]]`. WIDTH and HEIGHT are 1 to 4096, otherwise 320 and 240. SAMPLES, 1 to 16,
// otherwise 2, is the side of the square of rays that each pixel is averaged from.
//
//     -t  writes the text form of PPM (P3), not the binary one (P6)
//
// The picture is the same on each machine with IEEE 754 arithmetic: it needs nothing but + - * / and square roots.
//
// Exit status: 0, or 1 if it cannot be written, or 2 for wrong arguments.
//
// Shows float arithmetic with structures by value, recursion, much output.

#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REFLECTIONS 4
#define NEAR 1e-6
#define FAR 1e9

typedef struct {
    double x, y, z;
} Vec;

typedef struct {
    Vec from, to; // `to` has length 1
} Ray;

typedef struct {
    Vec center;
    double radius;
    Vec color;
    double mirror; // how much of the light is reflected, 0 to 1
} Ball;

typedef struct {
    double distance;
    Vec place, normal, color;
    double mirror;
} Hit;

static const Ball balls[] = {
    {{0.0, 1.0, 0.0}, 1.0, {0.9, 0.3, 0.2}, 0.25},
    {{-2.1, 0.7, -0.6}, 0.7, {0.2, 0.5, 0.9}, 0.15},
    {{1.8, 0.6, -1.1}, 0.6, {0.9, 0.9, 0.9}, 0.75},
    {{0.3, 0.3, -1.7}, 0.3, {0.3, 0.8, 0.3}, 0.05},
    {{-0.9, 0.25, -1.9}, 0.25, {0.9, 0.7, 0.1}, 0.3},
    {{2.6, 1.4, 1.9}, 1.4, {0.6, 0.4, 0.8}, 0.1},
};
static const Vec light = {-4.0, 6.0, -5.0};
static const Vec eye = {0.0, 1.6, -5.5};

static Vec add(Vec a, Vec b) {
    return (Vec){a.x + b.x, a.y + b.y, a.z + b.z};
}

static Vec minus(Vec a, Vec b) {
    return (Vec){a.x - b.x, a.y - b.y, a.z - b.z};
}

static Vec scaled(Vec a, double by) {
    return (Vec){a.x * by, a.y * by, a.z * by};
}

static Vec mixed(Vec a, Vec b, double share_of_b) {
    return add(scaled(a, 1.0 - share_of_b), scaled(b, share_of_b));
}

static double dot(Vec a, Vec b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static Vec unit(Vec a) {
    return scaled(a, 1.0 / sqrt(dot(a, a)));
}

static Vec reflected(Vec to, Vec normal) {
    return minus(to, scaled(normal, 2.0 * dot(to, normal)));
}

// How far along the ray it meets the ball from outside, or FAR.
static double meet_ball(Ray ray, const Ball *ball) {
    Vec from_center = minus(ray.from, ball->center);
    double b = dot(from_center, ray.to);
    double c = dot(from_center, from_center) - ball->radius * ball->radius;
    double discriminant = b * b - c;
    if (discriminant < 0.0) {
        return FAR;
    }
    double distance = -b - sqrt(discriminant);
    return distance > NEAR ? distance : FAR;
}

// The floor is at height 0.
static double meet_floor(Ray ray) {
    double distance = ray.to.y < -NEAR ? -ray.from.y / ray.to.y : FAR;
    return distance > NEAR ? distance : FAR;
}

static Hit nearest_hit(Ray ray) {
    Hit hit = {.distance = meet_floor(ray)};
    const Ball *nearest = NULL;
    for (size_t i = 0; i < sizeof balls / sizeof *balls; i++) {
        double distance = meet_ball(ray, &balls[i]);
        if (distance < hit.distance) {
            hit.distance = distance;
            nearest = &balls[i];
        }
    }
    hit.place = add(ray.from, scaled(ray.to, hit.distance));
    if (nearest != NULL) {
        hit.normal = scaled(minus(hit.place, nearest->center), 1.0 / nearest->radius);
        hit.color = nearest->color;
        hit.mirror = nearest->mirror;
    } else {
        bool dark = ((long)floor(hit.place.x) + (long)floor(hit.place.z)) & 1;
        hit.normal = (Vec){0.0, 1.0, 0.0};
        hit.color = dark ? (Vec){0.15, 0.15, 0.2} : (Vec){0.85, 0.85, 0.8};
        hit.mirror = 0.1;
    }
    return hit;
}

static bool in_shadow(Vec place, Vec to_light, double distance) {
    for (size_t i = 0; i < sizeof balls / sizeof *balls; i++) {
        if (meet_ball((Ray){place, to_light}, &balls[i]) < distance) {
            return true;
        }
    }
    return false;
}

static Vec sky(Vec to) {
    double height = to.y > 0.0 ? to.y : 0.0;
    return mixed((Vec){0.8, 0.87, 0.95}, (Vec){0.25, 0.45, 0.8}, sqrt(height));
}

static Vec trace(Ray ray, int reflections) {
    Hit hit = nearest_hit(ray);
    // The floor ends in the haze, before floor() of a coordinate would not fit into a long.
    if (hit.distance > 1e4) {
        return sky(ray.to);
    }
    Vec to_light = minus(light, hit.place);
    double light_distance = sqrt(dot(to_light, to_light));
    to_light = scaled(to_light, 1.0 / light_distance);
    Vec mirrored = reflected(ray.to, hit.normal);

    double diffuse = dot(hit.normal, to_light);
    double gloss = 0.0;
    if (diffuse <= 0.0 || in_shadow(hit.place, to_light, light_distance)) {
        diffuse = 0.0;
    } else {
        gloss = dot(mirrored, to_light);
        gloss = gloss > 0.0 ? gloss : 0.0;
        for (int i = 0; i < 5; i++) {
            gloss *= gloss;
        }
    }
    Vec color = scaled(hit.color, 0.2 + 0.8 * diffuse);
    if (hit.mirror > 0.0 && reflections < MAX_REFLECTIONS) {
        color = mixed(color, trace((Ray){hit.place, mirrored}, reflections + 1), hit.mirror);
    }
    return add(color, (Vec){gloss * 0.5, gloss * 0.5, gloss * 0.5});
}

// The square root is close to the gamma that displays expect.
static int byte_of(double light_value) {
    double clamped = light_value < 0.0 ? 0.0 : light_value > 1.0 ? 1.0 : light_value;
    return (int)(sqrt(clamped) * 255.0 + 0.5);
}

static void draw(long width, long height, long samples, bool as_text) {
    printf("P%d\n%ld %ld\n255\n", as_text ? 3 : 6, width, height);
    double side = 1.0 / (double)(height < width ? height : width);
    for (long y = 0; y < height; y++) {
        for (long x = 0; x < width; x++) {
            Vec color = {0.0, 0.0, 0.0};
            for (long sample = 0; sample < samples * samples; sample++) {
                double dx = ((double)(sample % samples) + 0.5) / (double)samples;
                double dy = ((double)(sample / samples) + 0.5) / (double)samples;
                Vec to = {((double)x + dx - (double)width * 0.5) * side,
                          ((double)height * 0.5 - (double)y - dy) * side - 0.12, 1.1};
                color = add(color, trace((Ray){eye, unit(to)}, 0));
            }
            color = scaled(color, 1.0 / (double)(samples * samples));
            int r = byte_of(color.x), g = byte_of(color.y), b = byte_of(color.z);
            if (as_text) {
                printf("%d %d %d\n", r, g, b);
            } else {
                putchar(r);
                putchar(g);
                putchar(b);
            }
        }
    }
}

static long parse_number(const char *argument, long most) {
    char *end;
    long number = strtol(argument, &end, 10);
    if (end == argument || *end != 0 || number < 1 || number > most) {
        fprintf(stderr, "raytracer: %s: expected a number from 1 to %ld\n", argument, most);
        exit(2);
    }
    return number;
}

int main(int argc, char **argv) {
    bool as_text = argc > 1 && strcmp(argv[1], "-t") == 0;
    argc -= 1 + as_text;
    argv += 1 + as_text;
    if (argc == 1 || argc > 3) {
        fprintf(stderr, "usage: raytracer [-t] [WIDTH HEIGHT [SAMPLES]]\n");
        return 2;
    }
    long width = argc > 0 ? parse_number(argv[0], 4096) : 320;
    long height = argc > 0 ? parse_number(argv[1], 4096) : 240;
    long samples = argc > 2 ? parse_number(argv[2], 16) : 2;
    draw(width, height, samples, as_text);
    if (fflush(stdout) != 0) {
        fprintf(stderr, "raytracer: standard output: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}
