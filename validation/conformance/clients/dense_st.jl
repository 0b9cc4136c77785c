# The client of dense_st.cpp in Julia: the dense layer, and units with straight-through gradients, in Float32.
#
#     julia -e 'using Pkg; Pkg.add(["HDF5", "SpecialFunctions"])'
#     refsbnn conformance export vectors.h5
#     julia dense_st.jl vectors.h5 results.h5
#     refsbnn conformance judge vectors.h5 results.h5
#
# NOT RUN in this project's CI, which has no Julia: read it as documentation, and tell us what it gets wrong.
#
# Julia is column-major, so HDF5.jl shows every array with its axes reversed: "out,in" in the file is (in, out) here,
# and "batch,in" is (in, batch). The formulas below are written for the reversed arrays; results written in that order
# are back to front once more in the file, as they should be.

using HDF5, SpecialFunctions

const SUPPORTED = "dense.* unit.gaussian_st unit.logistic_st unit.edge_tie_* " *
                  "unit.edge_saturated_gaussian_st unit.edge_saturated_logistic_st"

has(options, key, value) = occursin("\"$key\": \"$value\"", options)

# Leading axes (time, batch) are the last ones here: flatten them to one column for each example.
columns(a) = reshape(a, size(a, 1), :)

# theory 3.1 to 3.4
function dense(group, options)
    get32(name) = Float32.(read(group[name]))
    x, mu, sigma2 = get32("inputs/x"), get32("params/mu"), get32("params/sigma2")
    dm, dv = get32("cotangents/dm"), get32("cotangents/dv")
    squares = has(options, "domain", "real") || has(options, "variance", "quadratic")
    binary = has(options, "domain", "binary")
    x2 = squares ? x .^ 2 : binary ? x : one.(x)
    dx2 = squares ? 2 .* x : binary ? one.(x) : zero.(x)
    X, X2, DM, DV = columns(x), columns(x2), columns(dm), columns(dv)
    m, v = mu' * X, sigma2' * X2
    out = Dict{String,Array{Float32}}()
    if haskey(group["params"], "bias_mu")
        m, v = m .+ get32("params/bias_mu"), v .+ get32("params/bias_sigma2")
        out["dbias_mu"], out["dbias_sigma2"] = vec(sum(DM, dims = 2)), vec(sum(DV, dims = 2))
    end
    out["m"], out["v"] = reshape(m, size(dm)), reshape(v, size(dm))
    out["dx"] = reshape(mu * DM, size(x)) .+ reshape(sigma2 * DV, size(x)) .* dx2
    out["dmu"], out["dsigma2"] = X * DM', X2 * DV'
    return out
end

# theory 1.1, 3.2, 3.17 with the slope k = f(r) of straight-through
function unit(group, options)
    get32(name) = Float32.(read(group[name]))
    m, v, u, g = get32("inputs/m"), get32("inputs/v"), get32("noise/u"), get32("cotangents/g")
    gaussian = has(options, "noise", "gaussian")
    noisy = v .> 0
    s = sqrt.(ifelse.(noisy, v, 1.0f0))
    r = m ./ s
    logistic(r) = 1 / (1 + exp(-r))
    pi = gaussian ? 0.5f0 .* erfc.(.-r .* 0.70710678f0) : logistic.(r)
    density = gaussian ? exp.(-0.5f0 .* r .^ 2) .* 0.39894228f0 : logistic.(r) .* logistic.(.-r)
    c = ifelse.(noisy, g .* density, 0.0f0)
    z = UInt8.(ifelse.(noisy, u .< pi, m .> 0))
    return Dict("z" => z, "dm" => c ./ s, "dv" => -c .* m ./ (2 .* s .^ 3))
end

function main(vectors, results)
    h5open(vectors, "r") do file
        h5open(results, "w") do out
            meta = create_group(out, "meta")
            told = attributes(file["meta"])
            attributes(meta)["vectors_sha256"] = read(told["sha256"])
            attributes(meta)["implementation"] = "dense_st.jl"
            attributes(meta)["dtype"] = "float32"
            attributes(meta)["supported"] = SUPPORTED
            all = create_group(out, "results")
            for name in keys(file["cases"])
                startswith(name, "reject.") && continue  # bad input: not claimed
                group = file["cases"][name]
                op, options = read(attributes(group)["op"]), read(attributes(group)["options"])
                st = op == "unit" && has(options, "member", "st") && has(options, "domain", "binary")
                (op == "dense" || st) || continue
                into = create_group(all, name)
                for (key, value) in (op == "dense" ? dense(group, options) : unit(group, options))
                    into[key] = value
                end
            end
        end
    end
end

length(ARGS) == 2 || (println(stderr, "usage: julia dense_st.jl vectors.h5 results.h5"); exit(2))
main(ARGS...)
