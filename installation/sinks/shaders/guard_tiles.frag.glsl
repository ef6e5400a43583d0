#version 330 core

// How many cells of each tile have made the ceilings' number of transitions: spent, warned, tired; and how many are held.

uniform sampler2D first_ages;
uniform sampler2D first_more;
uniform sampler2D second_ages;
uniform sampler2D second_more;
uniform sampler2D follower;
uniform int tile;
uniform float horizon;

out vec4 made;

void main() {
    ivec2 first = ivec2(gl_FragCoord.xy) * tile, end = min(first + tile, textureSize(first_ages, 0));
    made = vec4(0.0);
    for (int y = first.y; y < end.y; y++) {
        for (int x = first.x; x < end.x; x++) {
            ivec2 cell = ivec2(x, y);
            vec4 newest = min(texelFetch(first_ages, cell, 0), texelFetch(second_ages, cell, 0));
            float fifth = min(texelFetch(first_more, cell, 0).x, texelFetch(second_more, cell, 0).x);
            made += vec4(lessThan(vec4(fifth, newest.w, newest.y, 0.5 - texelFetch(follower, cell, 0).w),
                                  vec4(horizon, horizon, horizon, 0.0)));
        }
    }
}
