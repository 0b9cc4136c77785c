// A client of the conformance suite without Python: the dense layer, and units with straight-through gradients.
//
//     h5c++ -O2 -std=c++17 dense_st.cpp -o dense_st        (Debian: libhdf5-dev)
//     refsbnn conformance export vectors.h5
//     ./dense_st vectors.h5 results.h5
//     refsbnn conformance judge vectors.h5 results.h5
//
// It computes in float32 and declares, in /meta of the results, which cases it has; all others count as unsupported.

#include <hdf5.h>

#include <cmath>
#include <cstdint>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// What is open is closed at the end of its scope.
struct Handle {
  hid_t id;
  herr_t (*close)(hid_t);
  Handle(hid_t id, herr_t (*close)(hid_t), const std::string& what) : id(id), close(close) {
    if (id < 0) throw std::runtime_error(what);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { close(id); }
  operator hid_t() const { return id; }
};

struct Array {
  std::vector<hsize_t> shape;
  std::vector<float> data;  // row-major; the inputs are exact in float32
  size_t rows() const { return shape.empty() || shape.back() == 0 ? 0 : data.size() / shape.back(); }
  size_t columns() const { return shape.back(); }
};

bool exists(hid_t where, const std::string& name) { return H5Lexists(where, name.c_str(), H5P_DEFAULT) > 0; }

Array read(hid_t where, const std::string& name) {
  Handle set(H5Dopen2(where, name.c_str(), H5P_DEFAULT), H5Dclose, "no dataset " + name);
  Handle space(H5Dget_space(set), H5Sclose, "no space of " + name);
  Array a;
  a.shape.resize(H5Sget_simple_extent_ndims(space));
  H5Sget_simple_extent_dims(space, a.shape.data(), nullptr);
  a.data.resize(H5Sget_simple_extent_npoints(space));
  if (H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, a.data.data()) < 0)
    throw std::runtime_error("cannot read " + name);
  return a;
}

std::string text(hid_t where, const char* name) {
  Handle attribute(H5Aopen(where, name, H5P_DEFAULT), H5Aclose, std::string("no attribute ") + name);
  Handle type(H5Aget_type(attribute), H5Tclose, "no type");
  std::string value(H5Tget_size(type), '\0');
  if (H5Aread(attribute, type, value.data()) < 0) throw std::runtime_error(std::string("cannot read ") + name);
  return value;
}

void annotate(hid_t where, const char* name, const std::string& value) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "no type");
  H5Tset_size(type, value.size());
  Handle space(H5Screate(H5S_SCALAR), H5Sclose, "no space");
  Handle attribute(H5Acreate2(where, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose, "cannot annotate");
  H5Awrite(attribute, type, value.data());
}

void write(hid_t where, const std::string& name, const std::vector<hsize_t>& shape, hid_t type, const void* data) {
  Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose, "no space");
  Handle set(H5Dcreate2(where, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose,
             "cannot create " + name);
  if (H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) throw std::runtime_error("cannot write " + name);
}

void write(hid_t where, const std::string& name, const Array& a) {
  write(where, name, a.shape, H5T_NATIVE_FLOAT, a.data.data());
}

bool has(const std::string& options, const std::string& key, const std::string& value) {
  return options.find("\"" + key + "\": \"" + value + "\"") != std::string::npos;
}

// y[n, i] = sum_j x[n, j] w[i, j] + bias[i]
Array product(const Array& x, const Array& w, const Array* bias) {
  Array y{x.shape, {}};
  y.shape.back() = w.shape[0];
  for (size_t n = 0; n < x.rows(); ++n)
    for (size_t i = 0; i < w.shape[0]; ++i) {
      float sum = bias ? bias->data[i] : 0.0f;
      for (size_t j = 0; j < x.columns(); ++j) sum += x.data[n * x.columns() + j] * w.data[i * x.columns() + j];
      y.data.push_back(sum);
    }
  return y;
}

// sum_n d[n, i] x[n, j]
Array outer(const Array& d, const Array& x) {
  Array y{{d.shape.back(), x.shape.back()}, std::vector<float>(d.columns() * x.columns())};
  for (size_t n = 0; n < x.rows(); ++n)
    for (size_t i = 0; i < d.columns(); ++i)
      for (size_t j = 0; j < x.columns(); ++j)
        y.data[i * x.columns() + j] += d.data[n * d.columns() + i] * x.data[n * x.columns() + j];
  return y;
}

Array column_sums(const Array& d) {
  Array y{{d.shape.back()}, std::vector<float>(d.columns())};
  for (size_t k = 0; k < d.data.size(); ++k) y.data[k % d.columns()] += d.data[k];
  return y;
}

// theory 3.1 to 3.4
void dense(hid_t group, const std::string& options, hid_t out) {
  const Array x = read(group, "inputs/x"), mu = read(group, "params/mu"), sigma2 = read(group, "params/sigma2");
  const Array dm = read(group, "cotangents/dm"), dv = read(group, "cotangents/dv");
  const bool biased = exists(group, "params/bias_mu");
  const bool squares = has(options, "domain", "real") || has(options, "variance", "quadratic");
  const bool binary = has(options, "domain", "binary");
  Array x2 = x, dx2 = x;
  for (size_t k = 0; k < x.data.size(); ++k) {
    const float value = x.data[k];
    x2.data[k] = squares ? value * value : binary ? value : 1.0f;
    dx2.data[k] = squares ? 2.0f * value : binary ? 1.0f : 0.0f;
  }
  Array bias_mu, bias_sigma2;
  if (biased) {
    bias_mu = read(group, "params/bias_mu");
    bias_sigma2 = read(group, "params/bias_sigma2");
    write(out, "dbias_mu", column_sums(dm));
    write(out, "dbias_sigma2", column_sums(dv));
  }
  write(out, "m", product(x, mu, biased ? &bias_mu : nullptr));
  write(out, "v", product(x2, sigma2, biased ? &bias_sigma2 : nullptr));
  write(out, "dmu", outer(dm, x));
  write(out, "dsigma2", outer(dv, x2));
  Array dx = x;
  for (size_t n = 0; n < x.rows(); ++n)
    for (size_t j = 0; j < x.columns(); ++j) {
      float through_mean = 0.0f, through_variance = 0.0f;
      for (size_t i = 0; i < dm.columns(); ++i) {
        through_mean += dm.data[n * dm.columns() + i] * mu.data[i * x.columns() + j];
        through_variance += dv.data[n * dm.columns() + i] * sigma2.data[i * x.columns() + j];
      }
      dx.data[n * x.columns() + j] = through_mean + through_variance * dx2.data[n * x.columns() + j];
    }
  write(out, "dx", dx);
}

// theory 1.1, 3.2, 3.17 with the slope k = f(r) of straight-through
void unit(hid_t group, const std::string& options, hid_t out) {
  const Array m = read(group, "inputs/m"), v = read(group, "inputs/v"), u = read(group, "noise/u");
  const Array g = read(group, "cotangents/g");
  const bool gaussian = has(options, "noise", "gaussian");
  std::vector<uint8_t> z;
  Array dm = m, dv = m;
  for (size_t k = 0; k < m.data.size(); ++k) {
    if (v.data[k] == 0.0f) {
      z.push_back(m.data[k] > 0.0f);
      dm.data[k] = dv.data[k] = 0.0f;
      continue;
    }
    const float s = std::sqrt(v.data[k]), r = m.data[k] / s;
    const float below = 1.0f / (1.0f + std::exp(-r)), above = 1.0f / (1.0f + std::exp(r));
    const float pi = gaussian ? 0.5f * std::erfc(-r * 0.70710678f) : below;
    const float density = gaussian ? std::exp(-0.5f * r * r) * 0.39894228f : below * above;
    z.push_back(u.data[k] < pi);
    const float c = g.data[k] * density;
    dm.data[k] = c / s;
    dv.data[k] = -c * m.data[k] / (2.0f * s * s * s);
  }
  write(out, "z", m.shape, H5T_NATIVE_UINT8, z.data());
  write(out, "dm", dm);
  write(out, "dv", dv);
}

herr_t name_of(hid_t, const char* name, const H5L_info_t*, void* list) {
  static_cast<std::vector<std::string>*>(list)->push_back(name);
  return 0;
}

void run(const char* vectors, const char* results) {
  Handle in(H5Fopen(vectors, H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, std::string("cannot open ") + vectors);
  Handle out(H5Fcreate(results, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose,
             std::string("cannot create ") + results);
  {
    Handle told(H5Gopen2(in, "meta", H5P_DEFAULT), H5Gclose, "no group meta");
    Handle meta(H5Gcreate2(out, "meta", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose, "cannot create meta");
    annotate(meta, "vectors_sha256", text(told, "sha256"));
    annotate(meta, "implementation", "dense_st.cpp");
    annotate(meta, "dtype", "float32");
    annotate(meta, "supported", "dense.* unit.gaussian_st unit.logistic_st unit.edge_tie_* "
             "unit.edge_saturated_gaussian_st unit.edge_saturated_logistic_st");
  }
  Handle all(H5Gcreate2(out, "results", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose, "cannot create results");
  Handle cases(H5Gopen2(in, "cases", H5P_DEFAULT), H5Gclose, "no group cases");
  std::vector<std::string> names;
  hsize_t from = 0;
  H5Literate(cases, H5_INDEX_NAME, H5_ITER_INC, &from, name_of, &names);
  int done = 0;
  for (const std::string& name : names) {
    if (name.rfind("reject.", 0) == 0) continue;  // bad input: not claimed
    Handle group(H5Gopen2(cases, name.c_str(), H5P_DEFAULT), H5Gclose, "no case " + name);
    const std::string op = text(group, "op"), options = text(group, "options");
    const bool straight_through = op == "unit" && has(options, "member", "st") && has(options, "domain", "binary");
    if (op != "dense" && !straight_through) continue;
    Handle into(H5Gcreate2(all, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose, "cannot create");
    if (op == "dense")
      dense(group, options, into);
    else
      unit(group, options, into);
    ++done;
  }
  std::cout << results << ": " << done << " cases\n";
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::cerr << "usage: dense_st vectors.h5 results.h5\n";
    return 2;
  }
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // our own one line instead of HDF5's stack
  try {
    run(words[1], words[2]);
  } catch (const std::exception& error) {
    std::cerr << "dense_st: " << error.what() << "\n";
    return 2;
  }
  return 0;
}
